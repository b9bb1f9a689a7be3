"""A library for hosts of powerbox natives in Python, of the standard library alone. What it follows is spec/host.md.

A host is a program that its node starts as a child: `serve` speaks over the two pipes that the node left it, and ends
when the node is gone. Standard output and standard error go to the log of the node.
"""

import hashlib
import hmac
import os
import struct
import sys
import threading

GREETING = b"powerbox-host 1\n"
PROTOCOL = 1
FRAME_BYTES_MAX = 17 * 1024 * 1024 + 64 * 1024


class HostError(Exception):
    """An error for the caller, by one of the codes of spec/errors."""

    def __init__(self, code, message):
        super().__init__(message)
        self.code = code


class Uri(str):
    """Text of another kind than a string."""


class Big(int):
    """An integer of any size; another kind than Int, even for equal numbers."""


class Capability:
    """A channel that was handed to this host: to keep, to compare and to hand back, and for nothing else."""

    def __init__(self, token, read, write):
        self.token, self.read, self.write = token, read, write

    def __eq__(self, other):
        return isinstance(other, Capability) and (self.token, self.read, self.write) == (other.token, other.read, other.write)

    def __hash__(self):
        return hash(self.token)


# ------------------------------------------------------------------ values (spec/values.md)

NIL, BOOLEAN, INT, BIG, FLOAT, STRING, BYTES, URI, LIST, TUPLE, SET, MAP = range(12)
BUNDLE = 13


def order(value):
    """A key by which Python sorts as the order by value does."""
    if value is None:
        return (NIL,)
    if isinstance(value, bool):
        return (BOOLEAN, value)
    if isinstance(value, Big):
        return (BIG, int(value))
    if isinstance(value, int):
        return (INT, value)
    if isinstance(value, float):
        return (FLOAT, value != value, value)
    if isinstance(value, Uri):
        return (URI, value.encode())
    if isinstance(value, str):
        return (STRING, value.encode())
    if isinstance(value, (bytes, bytearray)):
        return (BYTES, bytes(value))
    if isinstance(value, list):
        return (LIST, tuple(order(item) for item in value))
    if isinstance(value, tuple):
        return (TUPLE, tuple(order(item) for item in value))
    if isinstance(value, (set, frozenset)):
        return (SET, tuple(sorted(order(item) for item in value)))
    if isinstance(value, dict):
        entries = sorted(((order(key), order(item)) for key, item in value.items()))
        return (MAP, tuple(part for entry in entries for part in entry))
    if isinstance(value, Capability):
        return (BUNDLE, (BYTES, value.token), value.read, value.write)
    raise HostError("value_unsupported", f"{type(value).__name__} is no value")


def sized(length, fixed, fixed_max, heads):
    """A head with a length, in the shortest form."""
    if fixed is not None and length <= fixed_max:
        return bytes([fixed | length])
    for bits, head in heads:
        if length < 1 << bits:
            return bytes([head]) + length.to_bytes(bits // 8, "big")
    raise HostError("value_too_large", "it is too long")


def extension(kind, payload):
    heads = {1: 0xD4, 2: 0xD5, 4: 0xD6, 8: 0xD7, 16: 0xD8}
    if len(payload) in heads:
        return bytes([heads[len(payload)], kind]) + payload
    return sized(len(payload), None, 0, ((8, 0xC7), (16, 0xC8), (32, 0xC9))) + bytes([kind]) + payload


def integer(value):
    if value >= 0:
        if value < 0x80:
            return bytes([value])
        for bits, head in ((8, 0xCC), (16, 0xCD), (32, 0xCE), (63, 0xCF)):
            if value < 1 << bits:
                return bytes([head]) + value.to_bytes((bits + 7) // 8, "big")
    else:
        if value >= -32:
            return struct.pack("b", value)
        for bits, head in ((8, 0xD0), (16, 0xD1), (32, 0xD2), (64, 0xD3)):
            if value >= -(1 << (bits - 1)):
                return bytes([head]) + value.to_bytes(bits // 8, "big", signed=True)
    raise HostError("value_too_large", "an Int has 64 bits: give a Big")


def node(tag, parts):
    count = sized(len(parts) + 1, 0x90, 15, ((16, 0xDC), (32, 0xDD)))
    return count + bytes([0xD4, 0x04, tag]) + b"".join(parts)


def encode(value):
    if value is None:
        return b"\xc0"
    if isinstance(value, bool):
        return b"\xc3" if value else b"\xc2"
    if isinstance(value, Big):
        length = 1
        while not -(1 << (8 * length - 1)) <= value < 1 << (8 * length - 1):
            length += 1
        return extension(1, int(value).to_bytes(length, "big", signed=True))
    if isinstance(value, int):
        return integer(value)
    if isinstance(value, float):
        if value != value:
            return bytes.fromhex("cb7ff8000000000000")
        return b"\xcb" + struct.pack(">d", value + 0.0 if value != 0 else 0.0)
    if isinstance(value, Uri):
        return extension(2, value.encode())
    if isinstance(value, str):
        text = value.encode()
        return sized(len(text), 0xA0, 31, ((8, 0xD9), (16, 0xDA), (32, 0xDB))) + text
    if isinstance(value, (bytes, bytearray)):
        return sized(len(value), None, 0, ((8, 0xC4), (16, 0xC5), (32, 0xC6))) + bytes(value)
    if isinstance(value, list):
        return sized(len(value), 0x90, 15, ((16, 0xDC), (32, 0xDD))) + b"".join(map(encode, value))
    if isinstance(value, tuple):
        return node(9, [encode(item) for item in value])
    if isinstance(value, (set, frozenset)):
        return node(10, [encode(item) for item in sorted(value, key=order)])
    if isinstance(value, dict):
        parts = [encode(key) + encode(value[key]) for key in sorted(value, key=order)]
        return sized(len(parts), 0x80, 15, ((16, 0xDE), (32, 0xDF))) + b"".join(parts)
    if isinstance(value, Capability):
        return node(13, [encode(value.token), encode(value.read), encode(value.write)])
    raise HostError("value_unsupported", f"{type(value).__name__} is no value")


class Decoder:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, length):
        if length > len(self.data) - self.at:
            raise ValueError("the message ends too soon")
        self.at += length
        return self.data[self.at - length : self.at]

    def size(self, length):
        return int.from_bytes(self.take(length), "big")

    def value(self):
        head = self.take(1)[0]
        if head < 0x80:
            return head
        if head >= 0xE0:
            return head - 0x100
        if head < 0x90:
            return self.map(head & 0x0F)
        if head < 0xA0:
            return self.array(head & 0x0F)
        if head < 0xC0:
            return self.take(head & 0x1F).decode()
        if head == 0xC0:
            return None
        if head in (0xC2, 0xC3):
            return head == 0xC3
        if 0xC4 <= head <= 0xC6:
            return self.take(self.size(1 << (head - 0xC4)))
        if 0xC7 <= head <= 0xC9:
            return self.extension(self.size(1 << (head - 0xC7)))
        if head == 0xCB:
            return struct.unpack(">d", self.take(8))[0]
        if 0xCC <= head <= 0xCF:
            return self.size(1 << (head - 0xCC))
        if 0xD0 <= head <= 0xD3:
            return int.from_bytes(self.take(1 << (head - 0xD0)), "big", signed=True)
        if 0xD4 <= head <= 0xD8:
            return self.extension(1 << (head - 0xD4))
        if 0xD9 <= head <= 0xDB:
            return self.take(self.size(1 << (head - 0xD9))).decode()
        if head in (0xDC, 0xDD):
            return self.array(self.size(2 if head == 0xDC else 4))
        if head in (0xDE, 0xDF):
            return self.map(self.size(2 if head == 0xDE else 4))
        raise ValueError("no value starts so")

    def extension(self, length):
        kind = self.take(1)[0]
        payload = self.take(length)
        if kind == 1:
            return Big(int.from_bytes(payload, "big", signed=True))
        if kind == 2:
            return Uri(payload.decode())
        raise ValueError("an extension that does not go to a host")

    def array(self, count):
        if count == 0 or self.data[self.at : self.at + 2] != b"\xd4\x04":
            return [self.value() for _ in range(count)]
        tag = self.take(3)[2]
        parts = [self.value() for _ in range(count - 1)]
        if tag == 9:
            return tuple(parts)
        if tag == 10:
            return frozenset(parts)
        if tag == 13:
            return Capability(*parts)
        raise ValueError("a process or a pattern, which goes to no host")

    def map(self, count):
        return {self.value(): self.value() for _ in range(count)}


# ------------------------------------------------------------------ frames


class Link:
    """Tagged frames over two pipes: 3 from the node, 4 to it."""

    def __init__(self):
        self.source, self.target = os.fdopen(3, "rb"), os.fdopen(4, "wb")
        if self.source.read(len(GREETING)) != GREETING:
            raise SystemExit("this program is started by a node of powerbox")
        self.secret = self.source.read(32)
        self.sent = self.taken = self.dropped = 0
        self.lock = threading.Lock()

    def tag(self, direction, number, payload):
        return hmac.new(self.secret, bytes([direction]) + struct.pack(">Q", number) + payload, hashlib.sha256).digest()

    def send(self, kind, number, fields):
        payload = encode(kind) + encode(number) + encode(fields)
        with self.lock:
            tag = self.tag(1, self.sent, payload)
            self.sent += 1
            self.target.write(struct.pack(">I", len(payload)) + tag + payload)
            self.target.flush()

    def frames(self):
        """Until the node is gone."""
        while True:
            header = self.source.read(36)
            if len(header) < 36:
                return
            (length,) = struct.unpack(">I", header[:4])
            if length > FRAME_BYTES_MAX:
                raise SystemExit("a frame is longer than a node sends")
            payload = self.source.read(length)
            if len(payload) < length:
                return
            if not hmac.compare_digest(self.tag(0, self.taken, payload), header[4:]):
                self.dropped += 1
                continue
            self.taken += 1
            decoder = Decoder(payload)
            yield decoder.value(), decoder.value(), decoder.value()


# ------------------------------------------------------------------ hosts


def serve(declarations, methods):
    """Serves until the node is gone. `methods` has a function for each `native.method`: it gets the call's fields, a
    dictionary with `args`, `effect`, `handle`, `state` and the rest, and answers a value, or raises a HostError. Of a
    call that is followed, `traceparent` is its step: a W3C `traceparent`, for OpenTelemetry's propagator or by hand."""
    try:
        link = Link()
    except OSError:
        raise SystemExit("this program is started by a node of powerbox: the pipes 3 and 4 are not there") from None

    def answer(number, fields):
        try:
            run = methods.get(f"{fields['native']}.{fields['method']}")
            if run is None:
                raise HostError("method_unknown", f"there is no {fields['native']}.{fields['method']} here")
            link.send("answer", number, {"ok": ["value", run(fields)]})
        except HostError as error:
            link.send("answer", number, {"error": {"code": error.code, "message": str(error)}})
        except Exception as error:  # noqa: BLE001 - whatever a method throws is its caller's error and nobody else's
            link.send("answer", number, {"error": {"code": "native_failed", "message": str(error) or type(error).__name__}})

    for kind, number, fields in link.frames():
        if kind == "hello":
            if PROTOCOL not in fields["versions"]:
                link.send("failed", 0, {"message": f"this host speaks version {PROTOCOL} of the protocol"})
                return
            welcome = {"version": PROTOCOL, "declarations": declarations, "store": False, "prepared": [], "traces": True}
            link.send("welcome", 0, welcome)
        elif kind == "call":
            threading.Thread(target=answer, args=(number, fields), daemon=True).start()
        elif kind == "ask":
            link.send("answer", number, {"not_applied": True})
        elif kind in ("finish", "drop"):
            link.send("answer", number, {"error": {"code": "bad_request", "message": "this host has no store"}})
        elif kind == "ping":
            link.send("pong", 0, {"dropped": link.dropped})
        elif kind == "open":
            error = {"code": "not_available", "message": "this host has no sources"}
            link.send("fail", 0, {"source": fields["source"], "error": error})
        elif kind == "stop":
            return


def log(text, level="info"):
    """A line for the log of the node."""
    print(f"{level}: {text}", file=sys.stderr, flush=True)
