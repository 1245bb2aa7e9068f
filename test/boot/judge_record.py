# SPDX-License-Identifier: MIT
"""
Judges a recording of config and MSI-X accesses (doc/record-format.md): it is
there, whole, and the hosted replayer reaches the same verdicts.
"""
import re
import subprocess

import machine

RECORD_SIZE = 32
MAGIC = b"TAPTICP1"
REPLAY = machine.BUILD / "taproot-replay"
# What a boot of a stock kernel does at the very least.
ACCESSES_MIN = 1000
BOUND_MIN = 1


def count(text, pattern):
	found = re.search(pattern, text)
	return int(found.group(1)) if found else 0


def after(run):
	data = run.record.read_bytes() if run.record.exists() else b""
	if not data:
		yield "nothing was recorded on the second serial port"
		return
	if MAGIC not in data[:RECORD_SIZE]:
		yield "the recording does not begin with its header"
	if len(data) % RECORD_SIZE:
		yield "the recording ends inside a record"
	if not REPLAY.exists():
		yield "there is no replayer (build/taproot-replay)"
		return
	result = subprocess.run([str(REPLAY), str(run.record)],
				stdin=subprocess.DEVNULL, text=True,
				capture_output=True, timeout=120)
	if result.returncode:
		text = (result.stdout + result.stderr).strip().splitlines()
		yield "replay: status %d: %s" % (result.returncode,
						 "; ".join(text[-5:]))
	if count(result.stdout, r"(\d+) accesses") < ACCESSES_MIN:
		yield "fewer than %d accesses were replayed" % ACCESSES_MIN
	if count(result.stdout, r"(\d+) of them with a bound message") < BOUND_MIN:
		yield "no MSI-X write of the recording bound a message"
