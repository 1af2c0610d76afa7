"""Files with recorded voltage: readers and writers that name what is wrong and where."""

from opq.formats.reader import FORMATS, open_recordings, read_recording
from opq.formats.recording import Channel, ChannelInfo, Details, DigitalChannel, Recording, StoredRecording
from opq.formats.recording_file import RecordingFile
from opq.formats.views import in_volts, with_channels
from opq.formats.writer import HOLD_SEVERAL, write_recordings
from opq.formats.writing import WriteOptions, Written

__all__ = [
    "FORMATS",
    "HOLD_SEVERAL",
    "Channel",
    "ChannelInfo",
    "Details",
    "DigitalChannel",
    "Recording",
    "RecordingFile",
    "StoredRecording",
    "WriteOptions",
    "Written",
    "in_volts",
    "open_recordings",
    "read_recording",
    "with_channels",
    "write_recordings",
]
