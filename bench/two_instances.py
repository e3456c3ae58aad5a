"""Two instances of the server on one Redis, for the measurements that need them."""
import contextlib
import os
import subprocess
import tempfile
import time

from roster_load import answers, free_port, wait_for

HERTZ = os.sysconf("SC_CLK_TCK")


def cpu(pid):
    """Seconds of CPU that a process has used."""
    with open(f"/proc/{pid}/stat") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / HERTZ


@contextlib.contextmanager
def two_instances(dll, **settings):
    """Gives the ports of both, their pids and Redis's, once they are ready; ends all three."""
    redis_port, ports, processes = free_port(), [free_port(), free_port()], []
    with tempfile.TemporaryDirectory() as folder:
        try:
            processes.append(subprocess.Popen(
                ["redis-server", "--port", str(redis_port), "--bind", "127.0.0.1", "--save", "", "--dir", folder],
                stdout=subprocess.DEVNULL))
            time.sleep(0.5)
            for port in ports:
                processes.append(subprocess.Popen(
                    ["dotnet", dll, "--urls", f"http://127.0.0.1:{port}"], cwd=folder,
                    env={**os.environ, **settings, "ConnectionStrings__Redis": f"127.0.0.1:{redis_port}"},
                    stdout=subprocess.DEVNULL))
            for port in ports:
                wait_for(lambda: answers(f"http://127.0.0.1:{port}/health/ready"))
            yield ports, [process.pid for process in processes[1:]], processes[0].pid
        finally:
            for process in processes:
                process.terminate()
            for process in processes:
                process.wait(20)
