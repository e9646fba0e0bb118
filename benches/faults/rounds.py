#!/usr/bin/env python3
"""Kills a server again and again while clients write, and counts what was lost.

  benches/faults/rounds.py [ROUNDS]                              on SQLite
  scripts/with-postgres.sh benches/faults/rounds.py [ROUNDS]     on the database that TEST_POSTGRES_URL names

In each round, clients enroll and delete people for a second or two, some of them hang up in the middle of a request, and the server gets
SIGKILL. After the next start, everything that was acknowledged must be there, everything whose deletion was acknowledged must be gone,
from the answers and from the disk, and a request that is sent again under its Idempotency-Key must have been carried out once.
Needs Python 3.9, target/release/vultus and the models (VULTUS_MODELS_DIR, or target/models). Exits with status 1 if anything was lost.
"""

import base64
import http.client
import json
import os
import random
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
PROGRAM = ROOT / "target/release/vultus"
MODELS = os.environ.get("VULTUS_MODELS_DIR", ROOT / "target/models")
IMAGE = base64.b64encode((ROOT / "crates/vision/src/selftest.jpg").read_bytes()).decode()
CLIENTS = 6
# Deleted faces are gone from the disk within a minute.
GONE_SECONDS = 60
REQUEST_SECONDS = 20


class Server:
    """A server on the data directory of all rounds."""

    def __init__(self, folder):
        self.folder = folder
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("VULTUS_")}
        self.environment |= {"VULTUS_DATA_DIR": f"{folder}/data", "VULTUS_MODELS_DIR": str(MODELS), "NO_COLOR": "1"}
        if url := os.environ.get("TEST_POSTGRES_URL"):
            self.environment["VULTUS_DATABASE_URL"] = url
        made = self.run("keys", "create", "--account", "rounds", "--name", "rounds", "--json")
        self.key = json.loads(made)["key"]

    def run(self, *arguments):
        done = subprocess.run([PROGRAM, *arguments], env=self.environment, capture_output=True, text=True)
        return done.stdout if done.returncode == 0 else sys.exit(done.stderr)

    def start(self):
        options = ["serve", "--listen", "127.0.0.1:0", "--keep-images", "--request-timeout", str(REQUEST_SECONDS)]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen([PROGRAM, *options], env=self.environment, stdout=pipe, stderr=pipe, text=True)
        for line in self.process.stderr:
            if found := re.search(r"address=(\S+)", line):
                break
        else:
            sys.exit("the server does not start")
        host, port = found[1].rsplit(":", 1)
        self.address = (host, int(port))
        for stream in (self.process.stdout, self.process.stderr):
            threading.Thread(target=stream.read, daemon=True).start()
        while self.status("GET", "/readyz") != 200:
            time.sleep(0.05)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def headers(self, key=None):
        return {"x-api-key": self.key} | ({"idempotency-key": key} if key else {})

    def call(self, method, path, body=None, key=None):
        """The status and the answer; an OSError if there is none."""
        connection = http.client.HTTPConnection(*self.address, timeout=30)
        try:
            connection.request(method, path, json.dumps(body or {}), self.headers(key))
            response = connection.getresponse()
            return response.status, json.loads(response.read())
        except (http.client.HTTPException, ValueError) as error:
            raise OSError("no answer") from error
        finally:
            connection.close()

    def status(self, method, path):
        try:
            return self.call(method, path)[0]
        except OSError:
            return 0

    def hang_up(self, method, path, body, key):
        """Sends a request or a part of it, and goes."""
        body = json.dumps(body).encode()
        lines = [f"{name}: {value}" for name, value in self.headers(key).items()]
        head = "\r\n".join([f"{method} {path} HTTP/1.1", "host: x", f"content-length: {len(body)}", *lines, "", ""])
        request = head.encode() + body
        with socket.create_connection(self.address, timeout=30) as connection:
            connection.sendall(request if random.random() < 0.7 else request[: random.randrange(len(request))])
            time.sleep(random.random() * 0.05)


class World:
    """What the clients know."""

    def __init__(self):
        self.lock = threading.Lock()
        self.people, self.deleted, self.open, self.images = {}, set(), [], set()
        self.counts = dict.fromkeys(("enrolled", "deleted", "hung up", "without answer", "refused"), 0)

    def count(self, what):
        with self.lock:
            self.counts[what] += 1


def client(server, world, collection, stop):
    """Writes until the server is gone."""
    while not stop.is_set():
        with world.lock:
            victim = random.choice(list(world.people)) if world.people and random.random() < 0.4 else None
            name = world.people.pop(victim) if victim else uuid.uuid4().hex
        key = uuid.uuid4().hex
        if victim:
            request = ("DELETE", "/v1/enroll", {"enrollment_id": victim}, key)
        else:
            request = ("POST", "/v1/enroll", {"img0": IMAGE, "name": name, "collection_id": collection}, key)
        try:
            if random.random() < 0.2:
                server.hang_up(*request)
                world.count("hung up")
                raise OSError
            status, answer = server.call(*request)
        except OSError:
            # It is sent again after the next start.
            with world.lock:
                world.open.append((request, name, victim))
            world.count("without answer")
            continue
        settle(world, status, answer, name, victim)


def settle(world, status, answer, name, victim):
    """Notes what was acknowledged."""
    with world.lock:
        if status != 200:
            world.counts["refused"] += 1
            if victim:
                world.people[victim] = name
        elif victim:
            world.deleted.add(victim)
            world.counts["deleted"] += 1
        else:
            world.people[answer["data"]["enrollment_id"]] = name
            world.counts["enrolled"] += 1


def check(server, world, collection):
    """Sends again what had no answer, and lists what is wrong."""
    for request, name, victim in world.open:
        deadline = time.monotonic() + REQUEST_SECONDS + 90
        while True:
            status, answer = server.call(*request)
            if status != 503 or time.monotonic() > deadline:
                break
            time.sleep(0.2)
        if status == 409:
            yield from lost_answer(server, world, name, victim)
        else:
            settle(world, status, answer, name, victim)
    world.open = []
    status, answer = server.call("GET", "/v1/enroll")
    listed = {person["id"]: person for person in answer["data"]}
    names = [person["name"] for person in answer["data"]]
    for person, name in world.people.items():
        if person not in listed:
            yield f"{person} was acknowledged and is lost"
        if names.count(name) != 1:
            yield f"{name} is there {names.count(name)} times"
    for person in listed.keys() - world.people.keys():
        yield f"{person} is there and nobody knows of it"
    for person in world.deleted:
        if person in listed:
            yield f"{person} was deleted and is there"
    status, answer = server.call("POST", "/v1/identify", {"img": IMAGE, "collection_id": collection})
    found = {candidate["key"] for candidate in answer["meta"]["candidates"]} if status == 200 else set()
    if status != 200 or not found <= world.people.keys():
        yield f"identify: {status} {answer['message']}"
    yield from check_disk(server, world, listed)


def lost_answer(server, world, name, victim):
    """The request was carried out; its answer was lost with the server."""
    _, answer = server.call("GET", f"/v1/enroll?name={name}")
    if victim:
        world.deleted.add(victim)
        return
    if len(answer["data"]) != 1:
        yield f"{name}: carried out, and there {len(answer['data'])} times"
    for person in answer["data"]:
        world.people[person["id"]] = name


def check_disk(server, world, listed):
    """The images of deleted people go within a minute."""
    wanted = {embedding for person in listed.values() for embedding in person["embeddings"]}
    gone, world.images = world.images - wanted, world.images | wanted
    deadline = time.monotonic() + GONE_SECONDS
    while True:
        kept = {path.name for path in Path(server.folder, "data/blobs").glob("*/image/*")}
        if missing := wanted - kept:
            yield f"{len(missing)} images are missing"
            return
        if not kept & gone:
            return
        if time.monotonic() > deadline:
            yield f"{len(kept & gone)} images of deleted people are on the disk"
            return
        time.sleep(0.2)


def cut_off(server, world):
    """Images of enrollments that were cut off go when no request can be about to store them."""
    _, answer = server.call("GET", "/v1/enroll")
    world.images |= {path.name for path in Path(server.folder, "data/blobs").glob("*/image/*")}
    time.sleep(REQUEST_SECONDS + 20)
    return list(check_disk(server, world, {person["id"]: person for person in answer["data"]}))


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    random.seed(1)
    with tempfile.TemporaryDirectory(prefix="vultus-rounds.") as folder:
        server, world, wrong = Server(folder), World(), []
        server.start()
        _, made = server.call("POST", "/v1/collection", {"name": "Home"})
        collection = made["data"]["collection_id"]
        for number in range(rounds):
            stop = threading.Event()
            clients = [threading.Thread(target=client, args=(server, world, collection, stop)) for _ in range(CLIENTS)]
            for thread in clients:
                thread.start()
            time.sleep(0.5 + random.random() * 1.5)
            server.kill()
            stop.set()
            for thread in clients:
                thread.join()
            server.start()
            found = list(check(server, world, collection))
            wrong += found
            print(f"round {number + 1}: {len(world.people)} people", *found, sep="\n  ", flush=True)
        wrong += cut_off(server, world)
        server.kill()
    print(f"{rounds} rounds: {world.counts}; wrong: {len(wrong)}")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
