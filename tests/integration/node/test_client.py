"""The client and a real node that is killed meanwhile."""

import signal

from tocsin_node.client import Client, Connection, Progress, Query, Row
from tocsin_node.demo.cast import Player


def test_a_publish_goes_on_through_a_killed_and_restarted_node_and_doubles_nothing(node: Player) -> None:
    rows = [Row("url", f"https://kill-{number}.example/page", {"stance": "harmful"}) for number in range(5000)]
    starts: list[int] = []

    def kill_once(done: Progress) -> None:
        if not starts:
            starts.append(done.rows)
            assert node.process is not None
            node.process.send_signal(signal.SIGKILL)
            node.process.wait()
            (node.home / "run" / "address").unlink(missing_ok=True)
            node.start()

    with Client(Connection.at_home(node.home, node.home / "run" / "operator.token")) as client:
        result = client.publish("urls", rows, progress=kill_once)
        assert starts == [2048]
        assert result.published + result.unchanged == len(set(result.signals)) == 5000
        assert result.size == 5001  # the opening entry, and each row once
        assert client.status().own[0].size == 5001
        assert all(verdict.matched for verdict in client.match_each(Query("url", row.value) for row in rows))
