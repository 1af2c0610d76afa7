"""Makai: sees all boxes of a grid at once and asks for waveforms exactly where and when something happened."""
