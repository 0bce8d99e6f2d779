"""Rows of trading states, protective stops, bases of losses and signs of life."""
