"""laneq: a lane queue for AI agents.

Messages run in order within a session and in parallel across sessions; a new one can steer, follow, join or
interrupt the run in progress. The engine is a shared library; this package is its typed door.
"""

from ._library import C
from .engine import Engine, check
from .errors import Closed, Error, Refused, Stale, Stopped, Stuck, TimedOut, WouldDeadlock
from .events import Events
from .message import Knobs, Landed, Message, Settled, Source
from .plan import CallResult, Plan
from .port import Port, PulledRun
from .receipt import Receipt
from .report import DrainReport
from .run import Run, Steers
from .token import Registration, Token

__version__ = C.version

__all__ = [
    "CallResult",
    "Closed",
    "DrainReport",
    "Engine",
    "Error",
    "Events",
    "Knobs",
    "Landed",
    "Message",
    "Plan",
    "Port",
    "PulledRun",
    "Receipt",
    "Refused",
    "Registration",
    "Run",
    "Settled",
    "Source",
    "Stale",
    "Steers",
    "Stopped",
    "Stuck",
    "TimedOut",
    "Token",
    "WouldDeadlock",
    "check",
]
