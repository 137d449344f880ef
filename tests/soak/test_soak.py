"""The soak itself: that it fails where its bad cameras were not bad."""
import sys

from soak import faults_of_bad
from world import run_tests

SECONDS = 600


def camera(online, **health):
    return {"online": online, "health": {"bytes_received": 1000, "connects": 1, "errors_count": 0, "decode_errors": 0, **health}}


def bad_ones(**others):
    return {"unplugged": camera(False, errors_count=90), "slow": camera(True, errors_count=3), "flapping": camera(True, connects=100),
            "garbage": camera(True, decode_errors=70), **others}


def bad_cameras_that_were_bad_are_no_fault():
    assert faults_of_bad(bad_ones(), SECONDS) == set()


def a_good_one_among_the_bad_is_a_fault():
    for name, good, word in (("unplugged", camera(True), "on line"), ("slow", camera(True), "no errors"), ("garbage", camera(True), "no errors"),
                             ("flapping", camera(True, connects=3), "only 3 times"),
                             ("garbage", camera(False, bytes_received=0, errors_count=900), "sent nothing")):
        faults = faults_of_bad(bad_ones(**{name: good}), SECONDS)
        assert len(faults) == 1 and all(name in fault and word in fault for fault in faults), (name, faults)


if __name__ == "__main__":
    sys.exit(run_tests([
        ("bad cameras that were bad are no fault", bad_cameras_that_were_bad_are_no_fault),
        ("a good one among the bad is a fault", a_good_one_among_the_bad_is_a_fault),
    ]))
