"""A host: counts words, and remembers some of them."""

import threading

from powerbox_host import HostError, serve

remembered = {}
lock = threading.Lock()


def tally(call):
    """How often each word stands in a text."""
    (text,) = call["args"]
    words = text.split()
    return {word: words.count(word) for word in words}


def remember(call):
    (word,) = call["args"]
    if " " in word:
        raise HostError("arguments_invalid", "one word is expected")
    with lock:
        # The same effect may be asked for again after a crash: it is one and the same change.
        remembered[call["effect"]] = word
        return len(set(remembered.values()))


def all_words(_call):
    with lock:
        return sorted(set(remembered.values()))


def back(call):
    """Whatever it is given: also a channel, which stands here as a token."""
    return call["args"][0]


STRING = {"type": "string", "max": 10_000}
ANYTHING = {
    "type": "either",
    "choices": ["nil", "bool", "int", "bigint", "float", "string", "bytes", "uri", "list", "set", "map", "name"],
}
WORDS = {
    "name": "words",
    "doc": "Counts words.",
    "methods": {
        "tally": {
            "doc": "Answers how often each word stands in a text.",
            "effect": "none",
            "forms": [{"args": [{"name": "text", "type": STRING}], "result": {"type": "map", "items": "int"}}],
        },
        "remember": {
            "doc": "Keeps a word; answers how many there are.",
            "effect": "change",
            "recovery": "repeat",
            "forms": [{"args": [{"name": "word", "type": STRING}], "result": "int"}],
        },
        "all": {
            "doc": "Answers the words that are kept.",
            "effect": "observe",
            "forms": [{"args": [], "result": {"type": "list", "items": "string"}}],
        },
        "back": {
            "doc": "Answers what it is given.",
            "effect": "observe",
            "forms": [{"args": [{"name": "value", "type": "any"}], "result": ANYTHING}],
        },
    },
}

serve(
    [WORDS],
    {"words.tally": tally, "words.remember": remember, "words.all": all_words, "words.back": back},
)
