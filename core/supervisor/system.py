"""What belongs to this installation, and in which order: decided by the environment.

Servers that the environment names are not started; the rest come from wheels.
"""

import secrets
from dataclasses import dataclass, field
from pathlib import Path

from core.embedded.account import Account
from core.embedded.child import Child
from core.embedded.ports import LOOPBACK
from core.embedded.postgres import Postgres
from core.embedded.redis import Redis
from core.embedded.server import Server
from core.supervisor import memory, programs

OPERATOR, ADMIN = "operator", "admin"
"""Who may sign in at first: each is named after the one role they have."""
ADDRESSES = ("DATABASE_URL", "BROKER_URL", "REDIS_URL", "EMAIL_URL")
BYTES_OF_A_PASSWORD = 9


@dataclass(frozen=True)
class Wishes:
    """What the person at the terminal asked for."""

    folder: Path
    environment: dict[str, str]
    workers: int = 2
    port: int | None = None
    account: Account | None = None


@dataclass
class System:
    """The servers and programs, and the variables that tell them of each other."""

    folder: Path
    variables: dict[str, str]
    servers: list[Server]
    preparation: programs.Program
    web: programs.Web
    workers: list[programs.Worker]
    beat: programs.Program
    flower: programs.Flower
    mail: programs.Listening | None
    operator_password: str
    admin_password: str
    external: list[str] = field(default_factory=list)

    @property
    def programs(self) -> list[programs.Program]:
        """In the order of their start."""
        mail = [self.mail] if self.mail else []
        return [*mail, self.web, *self.workers, self.beat, self.flower]

    @property
    def stopping_order(self) -> list[list[Child]]:
        """Groups that stop together. First the doors, then who works, then what they stand on."""
        mail = [self.mail] if self.mail else []
        return [[self.web, self.beat, self.flower], [*self.workers], [*mail], [*reversed(self.servers)]]


def plan(wishes: Wishes) -> System:
    """Choose ports and secrets, start nothing."""
    folder, logs = wishes.folder, wishes.folder / "log"
    folder.mkdir(parents=True, exist_ok=True)
    logs.mkdir(mode=0o700, exist_ok=True)
    ports = memory.Ports(folder)
    web_port = ports.demand("web", wishes.port) if wishes.port else ports.choose("web", memory.WEB_PORT)
    flower_port = ports.choose("flower")
    given = {name: wishes.environment[name] for name in ADDRESSES if wishes.environment.get(name)}
    servers, made = plan_servers(wishes, ports, given)
    mail = None
    if "EMAIL_URL" not in given:
        mail = programs.make_mail_sink(logs, folder / "mail", ports.choose("mail"))
        made["EMAIL_URL"] = f"smtp://{LOOPBACK}:{mail.port}"
    passwords = {name: memory.secret(folder, name, size=BYTES_OF_A_PASSWORD) for name in (OPERATOR, ADMIN)}
    variables = {
        "PUBLIC_URL": wishes.environment.get("PUBLIC_URL") or f"http://{LOOPBACK}:{web_port}",
        "SECRET_KEY": wishes.environment.get("SECRET_KEY") or memory.secret(folder, "secret_key"),
        "FLOWER_URL": f"http://{LOOPBACK}:{flower_port}",
        "FLOWER_AUTH": f"millrace:{secrets.token_urlsafe()}",
        **made,
        **given,
    }
    if apps := wishes.environment.get("EXTRA_APPS"):
        variables["EXTRA_APPS"] = apps  # a command in another terminal knows the same kinds
    only_here = {
        **variables,
        "OPERATOR_NAME": OPERATOR,
        "OPERATOR_PASSWORD": passwords[OPERATOR],
        "ADMIN_NAME": ADMIN,
        "ADMIN_PASSWORD": passwords[ADMIN],
    }
    return System(
        folder=folder,
        variables=variables,
        servers=servers,
        preparation=programs.make_preparation(logs, only_here),
        web=programs.make_web(logs, variables, web_port),
        workers=[programs.make_worker(logs, variables, number + 1) for number in range(wishes.workers)],
        beat=programs.make_beat(logs, variables),
        flower=programs.make_flower(logs, variables, flower_port),
        mail=mail,
        operator_password=passwords[OPERATOR],
        admin_password=passwords[ADMIN],
        external=sorted(given),
    )


def plan_servers(
    wishes: Wishes, ports: memory.Ports, given: dict[str, str]
) -> tuple[list[Server], dict[str, str]]:
    """The servers to start, and the variables that lead to them."""
    folder = wishes.folder
    servers: list[Server] = []
    made: dict[str, str] = {}
    if "DATABASE_URL" not in given:
        postgres = Postgres(
            folder / "postgres",
            ports.choose("postgres"),
            password=memory.secret(folder, "postgres"),
            account=wishes.account,
            log=folder / "log" / "postgres.log",
        )
        servers.append(postgres)
        made["DATABASE_URL"] = postgres.url
    if not {"BROKER_URL", "REDIS_URL"} <= given.keys():
        redis = Redis(
            folder / "redis",
            ports.choose("redis"),
            password=memory.secret(folder, "redis"),
            log=folder / "log" / "redis.log",
        )
        servers.append(redis)
        made |= {"BROKER_URL": redis.database(0), "REDIS_URL": redis.database(1)}
    return servers, made
