"""What a drain came to."""

import ctypes
import json
from dataclasses import dataclass
from typing import Any

from ._library import C
from ._structs import Drained, MessageStruct, sized
from .handle import Handle
from .message import Message


@dataclass(frozen=True)
class DrainReport:
    #: Whether everything reached its fate by itself in time.
    complete: bool
    #: `id`, `key` and `fate` of each message that reached a fate meanwhile.
    settled: list[dict[str, Any]]
    #: Messages that are the host's again.
    returned: list[Message]
    #: `run`, `key`, `lane` and `age_ms` of the runs that were told to stop and had not ended.
    running: list[dict[str, Any]]


class Report(Handle):
    """The library's own; `read` copies it."""

    _free = C.report_free

    def read(self) -> DrainReport:
        struct = sized(Drained)
        C.report_get(self.number, ctypes.byref(struct))
        body = json.loads(struct.json.text() or "{}")
        returned = [self._message(index) for index in range(struct.returned)]
        return DrainReport(bool(struct.complete), body["settled"], returned, body["running"])

    def _message(self, index: int) -> Message:
        struct = sized(MessageStruct)
        C.report_returned(self.number, index, ctypes.byref(struct))
        return Message.from_c(struct)
