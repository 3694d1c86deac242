#!/usr/bin/env python3
"""Reads customers' segments from Redis with nothing but the standard library.

    python3 read.py --redis localhost:6379 --namespace shop c-42 c-43

It is the recipe of docs/reading.md as a program, to be taken over into any
language: find the shard, build the key, read its value up to the first line end,
and take that line as JSON. A real service would use a library for Redis.
"""

import argparse
import json
import socket
import sys


def murmur2(key: bytes) -> int:
    """The hash by which Kafka's Java client chooses a partition."""
    mask, m = 0xFFFFFFFF, 0x5BD1E995
    h = 0x9747B28C ^ len(key)
    whole = len(key) - len(key) % 4
    for i in range(0, whole, 4):
        k = int.from_bytes(key[i : i + 4], "little") * m & mask
        k = (k ^ k >> 24) * m & mask
        h = h * m & mask ^ k
    if whole < len(key):
        h = (h ^ int.from_bytes(key[whole:], "little")) * m & mask
    h = (h ^ h >> 13) * m & mask
    return h ^ h >> 15


def shard_of(customer: str, partitions: int) -> int:
    return (murmur2(customer.encode()) & 0x7FFFFFFF) % partitions


class Redis:
    """One command at a time; in a cluster, asked again where the key is."""

    def __init__(self, address: str):
        host, port = address.rsplit(":", 1)
        self.address, self.elsewhere = address, {}
        self.socket = socket.create_connection((host, int(port)), timeout=5)
        self.answers = self.socket.makefile("rb")

    def ask(self, *words):
        words = [str(w).encode() for w in words]
        parts = [b"*%d\r\n" % len(words)] + [b"$%d\r\n%s\r\n" % (len(w), w) for w in words]
        self.socket.sendall(b"".join(parts))
        return self.answer()

    def command(self, *words):
        try:
            return self.ask(*words)
        except RedisError as error:
            if not str(error).startswith("MOVED "):
                raise
            node = str(error).split()[2]
            if node not in self.elsewhere:
                self.elsewhere[node] = Redis(node)
            return self.elsewhere[node].ask(*words)

    def answer(self):
        line = self.answers.readline()
        if not line.endswith(b"\r\n"):
            raise RedisError("the connection to " + self.address + " was lost")
        kind, rest = line[:1], line[1:-2]
        if kind == b"-":
            raise RedisError(rest.decode())
        if kind == b"$":
            return None if rest == b"-1" else self.answers.read(int(rest) + 2)[:-2]
        if kind == b"*":
            return [self.answer() for _ in range(int(rest))]
        return rest


class RedisError(Exception):
    pass


def partitions_of(redis: Redis, namespace: str) -> int:
    """How many shards there are: it stays as it is while the namespace lives."""
    count, policy = redis.command("HMGET", f"tm:{namespace}:namespace", "partitions", "document")
    if policy is not None and b'partitioner="murmur2"' not in policy.splitlines():
        raise SystemExit(f"namespace {namespace} has another partitioner than murmur2")
    if count is None:  # of an early release: its shards alone say it
        count = redis.command("HGET", f"tm:{namespace}:{{0}}:shard", "partitions")
    if not count:
        raise SystemExit(f"nothing is stored under namespace {namespace}")
    return int(count)


def read(redis: Redis, namespace: str, partitions: int, customer: str):
    """The first line of the customer's value, None for one who is unknown."""
    key = f"tm:{namespace}:{{{shard_of(customer, partitions)}}}:c:{customer}"
    size = 256  # more than a line has, less than a profile
    value = redis.command("GETRANGE", key, 0, size - 1)
    while b"\n" not in value and len(value) == size:
        size *= 4  # of a later release, with more in its line
        value = redis.command("GETRANGE", key, 0, size - 1)
    return json.loads(value[: value.index(b"\n")]) if value else None


def main():
    arguments = argparse.ArgumentParser(description="Read customers' segments from Redis.")
    arguments.add_argument("--redis", default="localhost:6379", help="host:port, any node of a cluster")
    arguments.add_argument("--namespace", default="shop")
    arguments.add_argument("customers", nargs="+", metavar="CUSTOMER")
    given = arguments.parse_args()
    redis = Redis(given.redis)
    partitions = partitions_of(redis, given.namespace)
    for customer in given.customers:
        line = read(redis, given.namespace, partitions, customer)
        json.dump({"customer_id": customer, **(line or {"lifecycle": None})}, sys.stdout)
        print()


if __name__ == "__main__":
    main()
