"""The hub: the only part of Mauka that knows the store."""
