"""The header of every resource: what it may be (plan, section 4)."""

from __future__ import annotations

import re

API_VERSION = "conductor/v1"
NAME = re.compile(r"[a-z](?:-?[a-z0-9])*")
LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,62}")
MAX_NAME = 63
ROOT_KEYS = ("apiVersion", "kind", "metadata", "spec")
METADATA_KEYS = ("name", "labels", "description")
