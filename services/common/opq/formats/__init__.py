"""Files with recorded voltage: readers that name what is wrong and where."""

from opq.formats.reader import FORMATS, read_recording
from opq.formats.recording import Channel, Recording

__all__ = ["FORMATS", "Channel", "Recording", "read_recording"]
