"""The unit's time: time zones and the clock that all of its services ask."""
