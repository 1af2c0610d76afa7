"""The web pages of a site: the grid now, events, waveforms, incidents."""
