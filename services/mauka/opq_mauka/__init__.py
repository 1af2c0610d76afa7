"""Mauka: plugins that say what an event was. A hub hands tasks to workers; a worker runs one or several plugins."""
