"""The paper exchange installed alone, in a fresh environment, by somebody with a `bot/` of his own.

The environment gets the wheel and what it requires, with the versions of our lock.
"""

import datetime
import hashlib
import hmac
import ipaddress
import json
import os
import re
import shutil
import ssl
import subprocess
import sys
import time
import venv
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import HTTPSHandler, ProxyHandler, Request, build_opener

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from paper_exchange.testing import PaperExchangeProcess
from tests.support.repository import ROOT, tracked_files

pytestmark = pytest.mark.services

TEST = """
import bot

def test_trades(paper_exchange):
    paper_exchange.fault("realtime_lag", ms=1)
    assert bot.answer(paper_exchange.url, paper_exchange.api_key, paper_exchange.api_secret) == 0
"""
BOT = """
import hashlib, hmac, json, time
from urllib.request import ProxyHandler, Request, build_opener

def answer(url, key, secret):
    body = json.dumps({"category": "linear", "symbol": "BTCUSDT", "side": "Buy",
                       "orderType": "Market", "qty": "0.01"})
    now = str(time.time_ns() // 1_000_000)
    sign = hmac.new(secret.encode(), f"{now}{key}5000{body}".encode(), hashlib.sha256).hexdigest()
    headers = {"X-BAPI-API-KEY": key, "X-BAPI-SIGN": sign, "X-BAPI-TIMESTAMP": now,
               "X-BAPI-RECV-WINDOW": "5000", "Content-Type": "application/json"}
    request = Request(url + "/v5/order/create", body.encode(), headers)
    with build_opener(ProxyHandler({})).open(request, timeout=30) as reply:
        return json.load(reply)["retCode"]
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy of the package's folder."""
    place = tmp_path_factory.mktemp("alone")
    source = place / "paper_exchange"
    for path in tracked_files():
        if path.is_relative_to(ROOT / "paper_exchange"):
            copy = source / path.relative_to(ROOT / "paper_exchange")
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, copy)
    build = (sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-index")
    where = ("--no-build-isolation", "--wheel-dir", str(place), str(source))
    subprocess.run([*build, *where], check=True, capture_output=True, cwd=place)
    (made,) = place.glob("*.whl")
    return made


def test_the_wheel_holds_one_top_level_name(wheel: Path) -> None:
    archive = zipfile.ZipFile(wheel)
    tops = {name.partition("/")[0] for name in archive.namelist()}
    (metadata,) = (top for top in tops if top.endswith(".dist-info"))
    assert tops == {"paper_exchange", metadata}
    text = archive.read(f"{metadata}/METADATA").decode()
    needed = re.findall(r"^Requires-Dist: ([a-z]+)", text, re.MULTILINE)
    assert sorted(needed) == ["aiohttp", "cryptography", "numpy", "pyyaml", "zstandard"]


@pytest.mark.long
def test_a_fresh_environment_trades_beside_a_folder_named_bot(wheel: Path, tmp_path: Path) -> None:
    place = tmp_path / "venv"
    venv.create(place, with_pip=False)
    pins = re.findall(r"^[A-Za-z0-9_.\-]+==\S+", (ROOT / "requirements-dev.lock").read_text(), re.M)
    constraints = tmp_path / "constraints.txt"
    constraints.write_text("\n".join(pins))
    install = [
        *(sys.executable, "-m", "pip", "--python", str(place / "bin" / "python"), "install"),
        *("--quiet", "--constraint", str(constraints), str(wheel), "pytest"),
    ]
    done = subprocess.run(install, capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"nothing can be installed here: {done.stderr.strip()[-200:]}")
    home = tmp_path / "project"
    (home / "bot").mkdir(parents=True)
    (home / "bot" / "__init__.py").write_text(BOT)
    (home / "test_bot.py").write_text(TEST)
    environment = {"PATH": f"{place / 'bin'}{os.pathsep}{os.defpath}", "HOME": str(tmp_path)}
    for command in (
        ["python", "-m", "pytest", "-q", "--paper-arguments", "--symbols BTCUSDT"],
        ["bybit-paper", "--help"],
    ):
        ran = subprocess.run(
            [str(place / "bin" / command[0]), *command[1:]],
            **{"cwd": home, "env": environment, "capture_output": True, "text": True},
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "bybit-paper" in ran.stdout


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate for 127.0.0.1 that signs itself, with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False
        )
        .sign(key, hashes.SHA256())
    )
    path = tmp_path / "certificate.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return path


@pytest.fixture
def encrypted(certificate: Path) -> Iterator[PaperExchangeProcess]:
    arguments = ("--market", "synthetic", "--symbols", "BTCUSDT", "--control")
    with PaperExchangeProcess(*arguments, "--tls-certificate", str(certificate)) as exchange:
        yield exchange


def test_with_a_certificate_the_port_speaks_tls(
    encrypted: PaperExchangeProcess, certificate: Path
) -> None:
    assert encrypted.url.startswith("https://")
    assert encrypted.control("GET", "status")["faults"] == []
    context = ssl.create_default_context(cafile=str(certificate))
    opener = build_opener(ProxyHandler({}), HTTPSHandler(context=context))
    now = str(time.time_ns() // 1_000_000)
    query = "accountType=UNIFIED"
    text = f"{now}{encrypted.api_key}5000{query}"
    headers = {
        "X-BAPI-API-KEY": encrypted.api_key,
        "X-BAPI-SIGN": hmac.new(
            encrypted.api_secret.encode(), text.encode(), hashlib.sha256
        ).hexdigest(),
        "X-BAPI-TIMESTAMP": now,
        "X-BAPI-RECV-WINDOW": "5000",
    }
    request = Request(f"{encrypted.url}/v5/account/wallet-balance?{query}", headers=headers)
    with opener.open(request, timeout=30) as reply:
        answer: dict[str, Any] = json.load(reply)
    coins = {row["coin"] for row in answer["result"]["list"][0]["coin"]}
    assert coins == {"USDT", "BTC", "ETH"}
