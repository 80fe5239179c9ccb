"""Calls that may take long, such that Ctrl-C is heard while they run.

Python handles signals in the main thread, between its own instructions; a call
of the library is one instruction. So the main thread has such a call made by
another thread, and waits in a way that a signal interrupts.
"""

import threading

from ._lib import PROGRESS


class _Task:
    def __init__(self, work, discard):
        self.work = work
        self.discard = discard
        self.began = False
        self.finished = threading.Lock()
        self.finished.acquire()
        self.fate = threading.Lock()  # of the result: who comes second discards it
        self.abandoned = False
        self.result = None
        self.error = None

    def run(self):
        self.began = True
        try:
            self.result = self.work()
        except BaseException as err:
            self.error = err
        with self.fate:
            unwanted = self.abandoned
            self.finished.release()
        if unwanted:
            self.drop()

    def drop(self):
        if self.discard and self.error is None:
            self.discard(self.result)

    def abandon(self):
        with self.fate:
            self.abandoned = True
            ended = self.finished.acquire(False)
        if ended:
            self.drop()

    def outcome(self):
        if self.error is not None:
            try:
                raise self.error
            finally:
                self.error = None  # its traceback refers to this frame
        return self.result


def _started(task, daemon):
    """Whether a thread does the task. At its end the interpreter allows no more."""
    try:
        threading.Thread(target=task.run, name="quiverdb", daemon=daemon).start()
    except RuntimeError:
        return False
    return True


def _in_main_thread():
    return threading.current_thread() is threading.main_thread()


def interruptible(work, discard=None):
    """Gives what work() gives. When a signal's handler raises meanwhile, as that of
    Ctrl-C does, the work is left behind, and its result goes to discard."""
    if not _in_main_thread():
        return work()
    task = _Task(work, discard)
    try:
        running = _started(task, daemon=True)
        if running:
            task.finished.acquire()
    except BaseException:
        task.abandon()
        raise
    return task.outcome() if running else work()


def cancellable(work):
    """Gives what work(progress) gives, where progress is what the library asks
    whether to go on. When a signal's handler raises, the work is cancelled, and
    has ended when the exception goes on."""
    if not _in_main_thread():
        # No signal comes here. And a thread that the interpreter gives up at its end
        # must not be inside of the library then, which calling back would allow.
        return work(None)
    canceled = []
    progress = PROGRESS(lambda _arg, _done, _total: 1 if canceled else 0)
    task = _Task(lambda: work(progress), None)
    try:
        # No daemon: the interpreter waits for it, for the same reason.
        running = _started(task, daemon=False)
        if running:
            task.finished.acquire()
    except BaseException:
        canceled.append(True)
        while not task.finished.acquire(timeout=1) and task.began:
            pass
        raise
    return task.outcome() if running else work(None)
