"""What a real device said: walks and snmprec files, laid over a model."""
