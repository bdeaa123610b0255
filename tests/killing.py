"""Training that is killed at random moments and taken up again; run as a program.

    python tests/killing.py RUNS EXECUTOR FOLDER [SEED]

Each run is killed until it comes to its end by itself. It says how many kills there were, how many
of them within a save, and whether each run ended in the numbers of one that was never stopped.
"""

import hashlib
import os
import random
import select
import signal
import sys
import time
from pathlib import Path

import numpy as np

from chainrule import nn
from chainrule.structure import leaves

R = np.random.default_rng(0)
X = R.normal(size=(90, 6))
Y = (X[:, 0] > 0).astype(int) + (X[:, 1] * X[:, 2] > 0)


def parts():
    for start in range(0, 90, 25):
        yield X[start : start + 25], Y[start : start + 25]


def options(kind):
    common = {
        "loss": "cross_entropy",
        "optimizer": nn.Adam(nn.schedules.cosine(0.02, 300), clip_norm=1.0),
        "epochs": 14,
        "batch_size": 8,
        "metrics": "accuracy",
        "verbose": 0,
    }
    if kind == "parts":
        return common
    return common | {
        "validation_data": (X[:20] + 0.1, Y[:20]), "early_stopping": nn.EarlyStopping(patience=6),
        "class_weights": "balanced",
    }  # fmt: skip


def train(kind, executor, path=None):
    """Return what identifies all numbers that a run ends with."""
    model = nn.Sequential(nn.Dense(12), nn.BatchNorm(), nn.ReLU(), nn.Dropout(0.3), nn.Dense(3))
    data = (parts,) if kind == "parts" else (X, Y)
    history = model.fit(
        *data, **options(kind), executor=executor, checkpoint=path, checkpoint_seconds=0.0
    )
    digest = hashlib.sha256()
    for tree in (model.params, model.state, dict(history)):
        for where, leaf in leaves(tree):
            digest.update(where.encode() + np.ascontiguousarray(leaf).tobytes())
    digest.update(f"{history.stopped} {history.best_epoch}".encode())
    return digest.hexdigest()


def begun(kind, executor, path):
    """Start a run in a process of its own; returns its number and where its answer comes from."""
    answer, to_parent = os.pipe()
    child = os.fork()
    if child:
        os.close(to_parent)
        return child, answer
    status = 1
    try:
        os.close(answer)
        os.write(to_parent, train(kind, executor, path).encode())
        status = 0
    finally:
        os._exit(status)


def killed_until_done(kind, executor, path, longest, chance):
    """Return the answer of a run, how often it was killed, and how often within a save."""
    kills = within = 0
    while True:
        child, answer = begun(kind, executor, path)
        patience = chance.uniform(0, 1.5 * longest)
        done, _, _ = select.select([answer], [], [], patience)
        if not done:
            os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        said = os.read(answer, 100).decode()
        os.close(answer)
        if said:
            return said, kills, within
        if not os.WIFSIGNALED(status):
            raise SystemExit(f"a run ended by itself with {status} and no answer")
        kills += 1
        longest *= 1.05  # so that it comes to an end on a machine that others use, too
        # What a save has begun and not ended lies beside the file.
        within += len(list(path.parent.glob(f"*{path.name}*"))) > path.exists()


def main(runs, executor, folder, seed):
    chance = random.Random(seed)
    expected = {kind: train(kind, executor) for kind in ("whole", "parts")}
    began = time.perf_counter()
    child, _ = begun("whole", executor, folder / "alone.safetensors")
    os.waitpid(child, 0)
    longest = time.perf_counter() - began
    kills = within = wrong = 0
    for number in range(runs):
        kind = ("whole", "parts")[number % 2]
        path = folder / f"run{number}.safetensors"
        said, own, inside = killed_until_done(kind, executor, path, longest, chance)
        kills, within, wrong = kills + own, within + inside, wrong + (said != expected[kind])
        path.unlink()
    print(f"{runs} runs, {kills} kills, {within} within a save, {wrong} wrong", flush=True)
    return int(wrong > 0)


if __name__ == "__main__":
    seed = int(sys.argv[4]) if len(sys.argv) > 4 else time.time_ns() % 10**9
    print("seed", seed)
    sys.exit(main(int(sys.argv[1]), sys.argv[2], Path(sys.argv[3]), seed))
