"""What becomes of incidents is told: by a signed webhook and by MQTT, over kill -9."""
import contextlib
import json
import random
import re
import sqlite3
import sys
import time
import urllib.request
import uuid

from test_notify import Receiver, is_signed, webhook
from world import FAST, Broker, Directory, Hub, free_port, run_tests, until, vedette

STEPS = ("incident.opened", "incident.changed", "incident.ended", "incident.closed")
# nobody is there: the signals come by the API
CAMERA = 'cameras:\n  - {id: shop, source: "rtsp://127.0.0.1:1/nobody"}\n'


def config(webhooks, more=""):
    return FAST + 'health: {offline_seconds: 3600}\nnotify:\n  allowed_networks: "127.0.0.0/8"\n' + more + webhooks + CAMERA


def post(hub, path, body, kind="application/json"):
    request = urllib.request.Request(hub.address + path, method="POST", data=body.encode(),
                                     headers={"Authorization": f"Bearer {hub.token}", "Content-Type": kind})
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def send_signal(hub, kind, severity="high"):
    now, name = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime()), str(uuid.uuid4())
    event = {"id": name, "type": "signal", "camera_id": "shop", "occurred_at": now,
             "payload": {"id": name, "camera_id": "shop", "service": "safety", "kind": kind, "severity": severity, "started_at": now}}
    assert post(hub, "/api/v1/events", json.dumps(event), "application/x-ndjson")["accepted"] == 1


def incidents(hub):
    return hub.request("/api/v1/incidents?limit=500")["items"]


def told(receiver):
    """{(step, incident's id): [webhook-id]} of what was answered well."""
    steps, bodies = {}, {}
    for _, headers, body, came in receiver.messages():
        assert is_signed(headers, body, came), headers
        notification = json.loads(body)
        assert notification["id"] == headers["webhook-id"], headers
        assert bodies.setdefault(headers["webhook-id"], body) == body, "a repetition says something else"
        if notification["type"] in STEPS and headers["webhook-id"] in receiver.ids():
            steps.setdefault((notification["type"], notification["data"]["id"]), set()).add(headers["webhook-id"])
    return steps


def left_in_the_store(directory):
    with contextlib.closing(sqlite3.connect(directory / "data" / "vedette.db")) as store:
        return store.execute("SELECT count(*) FROM incident_changes").fetchone()[0]


def each_step_is_told_with_an_id_of_its_own():
    with Directory() as directory, Receiver() as receiver, Receiver() as signals_only:
        webhooks = "  webhooks:\n" + webhook(receiver.port, ", about: incidents") + webhook(signals_only.port, ", about: signals", "other")
        with Hub(directory, config(webhooks)) as hub:
            send_signal(hub, "intrusion")
            incident = until(lambda: incidents(hub), "there is an incident")[0]
            until(lambda: ("incident.opened", incident["id"]) in told(receiver), "that it opened is told")
            send_signal(hub, "intrusion", "critical")
            until(lambda: ("incident.changed", incident["id"]) in told(receiver), "that it is worse is told")
            post(hub, f"/api/v1/incidents/{incident['id']}/resolve", json.dumps({"note": "a cat"}))
            until(lambda: ("incident.closed", incident["id"]) in told(receiver), "that it closed is told")
            steps = told(receiver)
            ids = [name for names in steps.values() for name in names]
            assert len(steps) == 3 and len(set(ids)) == len(ids) == 3, steps
            closed = [json.loads(body) for _, _, body, _ in receiver.messages()][-1]
            assert closed["data"]["status"] == "resolved" and closed["data"]["notes"][0]["text"] == "a cat", closed
            until(lambda: left_in_the_store(directory) == 0, "the store keeps none of it")
            until(signals_only.messages, "the other is told of the signal")
            types = {json.loads(body)["type"] for _, _, body, _ in signals_only.messages()}
            assert types == {"signal.intrusion"}, types
            until(lambda: "vedette_incident_changes_told_total 3" in hub.text("/metrics"), "and all three are counted")


def nothing_is_lost_when_the_server_is_killed_in_the_middle():
    chance = random.Random(7)
    with Directory() as directory, Receiver() as receiver:
        text = config("  webhooks:\n" + webhook(receiver.port), '  retry_seconds: "0.3,0.3,0.3,0.3,0.3,600,600"\n')
        for turn in range(4):
            receiver.status = 500 if turn == 1 else 200
            with Hub(directory, text, name=f"hub{turn}") as hub:
                for number in range(6):
                    send_signal(hub, f"kind-{turn}-{number}")
                known = until(lambda: [one for one in incidents(hub) if one["status"] == "open"], "incidents are there")
                for incident in chance.sample(known, min(2, len(known))):
                    post(hub, f"/api/v1/incidents/{incident['id']}/resolve", "{}")
                if turn < 3:
                    until(lambda: chance.random() < 0.5, "some moment")
                    hub.child.kill()
                    hub.child.wait()
                    continue
                until(lambda: len(incidents(hub)) == 24, "all is stored")
                expected = {("incident.opened", one["id"]) for one in incidents(hub)}
                expected |= {("incident.closed", one["id"]) for one in incidents(hub) if one["status"] == "resolved"}
                assert len(expected) > 24
                until(lambda: expected <= told(receiver).keys(), "all that became of them is told", 90)
                assert all(len(names) == 1 for names in told(receiver).values()), "one step has two ids"
                until(lambda: left_in_the_store(directory) == 0, "the store keeps none of it")


def what_an_earlier_run_left_in_the_store_is_told():
    """Killed between the commit and the queues: here `vedette spool drain` stores, and tells nobody."""
    with Directory() as directory, Receiver() as receiver:
        text = config("  webhooks:\n" + webhook(receiver.port, ", about: incidents"))
        with Hub(directory, text) as hub, contextlib.closing(
                sqlite3.connect(directory / "data" / "vedette.db", isolation_level=None)) as store:
            store.execute("BEGIN IMMEDIATE")
            send_signal(hub, "fall")
            hub.child.kill()
            hub.child.wait()
            store.execute("ROLLBACK")
        drained = vedette("spool", "drain", "--config", "vedette.yml", "--data-dir", directory / "data", cwd=directory)
        assert drained.returncode == 0, drained.stderr
        assert left_in_the_store(directory) == 1 and not told(receiver)
        with Hub(directory, text, name="again") as hub:
            incident = incidents(hub)[0]
            until(lambda: ("incident.opened", incident["id"]) in told(receiver), "it is told")
            until(lambda: left_in_the_store(directory) == 0, "the store keeps it no longer")


def a_broker_is_told_below_the_topic_of_its_signals():
    Broker.program()
    with Directory() as directory:
        port = free_port()
        text = config(f"  brokers:\n    - {{id: hall, host: 127.0.0.1, port: {port}}}\n", "  reconnect_max_seconds: 1\n")
        with Hub(directory, text) as hub:
            send_signal(hub, "fall")
            until(lambda: incidents(hub), "there is an incident")
            hub.child.kill()  # before there is a broker
            hub.child.wait()
        with Broker(directory, port) as broker, Hub(directory, text, name="again"):
            topics = lambda: re.findall(r"Received PUBLISH from vedette-hall .*'(vedette/[^']*/fall[^']*)'", broker.log())
            until(lambda: {"vedette/default/default/shop/fall", "vedette/default/default/shop/fall/incident"} <= set(topics()),
                  "signal and incident are told")


if __name__ == "__main__":
    sys.exit(run_tests([
        ("each step is told with an id of its own", each_step_is_told_with_an_id_of_its_own),
        ("nothing is lost when the server is killed in the middle", nothing_is_lost_when_the_server_is_killed_in_the_middle),
        ("what an earlier run left in the store is told", what_an_earlier_run_left_in_the_store_is_told),
        ("a broker is told below the topic of its signals", a_broker_is_told_below_the_topic_of_its_signals),
    ]))
