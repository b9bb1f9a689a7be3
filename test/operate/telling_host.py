"""A host that writes down what it was told in confidence, for the test that looks for it elsewhere."""

import json
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../../spec/examples/host-python"))
import powerbox_host  # noqa: E402

told = {}


class Link(powerbox_host.Link):
    def __init__(self):
        super().__init__()
        told["secret"] = self.secret.hex()


powerbox_host.Link = Link


def tell(call):
    (thing,) = call["args"]
    told["token"] = thing.token.hex()
    with open("told.json", "w", encoding="utf8") as file:
        json.dump(told, file)
    # Its own words go to the log of the node.
    powerbox_host.log("it was told something")
    return thing


METHOD = {"doc": "Gives it back.", "effect": "observe", "forms": [{"args": [{"name": "value", "type": "any"}], "result": "name"}]}
powerbox_host.serve([{"name": "near", "doc": "Writes down.", "methods": {"tell": METHOD}}], {"near.tell": tell})
