"""From volts to cycles, half-cycle rms values, windows and features: numpy and scipy only, no sockets, clocks or stores.

The way of a sample: `fundamental` (phasor of the fundamental, four times a cycle) -> `cycles` (zero crossings)
-> `meter` (half cycles and distortion of one gapless stretch) -> `extractor` (windows, live) or `segments`
(series of a stored record). Live and stored samples go through the same `meter`.
"""
