"""Replication between two node processes over mutual TLS: `make bench`.

A publisher holds a feed of 1,000,000 signals with 50 distinct details. The clock starts when the follower, which knows
its peer already, is given a policy for it, and stops when the last signal is verified, decided, stored, audited and
matchable there (the follower's own status says so). Printed: signals per second, its ratio to the hash limit of the
machine measured in the same run, bytes per signal on the wire, and the latency of local checks (p50, p99) at the
follower, idle and while it replicates.

Options: --signals N, --details N, --keep.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.limits import hash_limit, machine, percentile
from tocsin.v1 import node_pb2 as wire
from tocsin_node.cli.connect import Local, connect
from tocsin_node.log.tx import Tx
from tocsin_node.publish.entries import Entries
from tocsin_signals.details import encode
from tocsin_signals.entry import NO_REF, Kind, empty_rows, tag_column

DAY_MS = 24 * 3600 * 1000
CHUNK = 65_536
POLICY = """peer = "publisher.example"
[[rule]]
name = "bench"
effect = "review"
stance = ["harmful"]
"""
SEND = """peer = "follower.example"
[send]
feeds = ["bench"]
"""


@dataclass(frozen=True, slots=True)
class Figures:
    """What one run measured."""

    seconds: float
    idle: list[float]
    busy: list[float]
