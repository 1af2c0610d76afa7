"""Files with recorded voltage: readers and writers that name what is wrong and where."""

from opq.formats.reader import FORMATS, open_recordings, read_recording
from opq.formats.recording import Channel, ChannelInfo, Recording, StoredRecording
from opq.formats.recording_file import RecordingFile
from opq.formats.writer import write_recordings

__all__ = [
    "FORMATS",
    "Channel",
    "ChannelInfo",
    "Recording",
    "RecordingFile",
    "StoredRecording",
    "open_recordings",
    "read_recording",
    "write_recordings",
]
