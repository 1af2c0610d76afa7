"""The agent on a box: samples in, features out, raw waveform when asked; nothing is lost when the network is."""
