"""Learning-rate schedules, each a function of its module."""
