from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metaagent.ledger.mask import mask

SECRETS = {
    "openai": "sk-proj-" + "a1B2c3D4" * 4,
    "stripe": "sk_live_" + "a1B2c3D4" * 3,
    "github": "ghp_" + "A1b2C3d4" * 5,
    "github fine-grained": "github_pat_" + "A1b2C3d4" * 5,
    "gitlab": "glpat-" + "abcdEFGH1234" * 2,
    "slack": "xoxb-" + "123456789012-abcdefGH",
    "aws": "AKIA" + "IOSFODNN7EXAMPLE",
    "google": "AIza" + "SyA1234567890abcdefghijklmnopqrstuv",
    "hugging face": "hf_" + "abcdefghijKLMNOPQRST",
    "npm": "npm_" + "abcdefghijklmnopqrstuvwxyz0123456789",
    "pypi": "pypi-" + "AgEIcHlwaS5vcmcCJDExMTExMTExLTExMTEt",
    "jwt": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N",
    "private key": "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\nIBAAK\n-----END RSA PRIVATE KEY-----",
}


@pytest.mark.parametrize("secret", SECRETS.values(), ids=SECRETS)
def test_whole_tokens_go_and_what_is_around_them_stays(secret: str) -> None:
    assert mask(f"Use {secret} here") == "Use [masked] here"
    assert mask(f"Ünï {secret}\nİ") == "Ünï [masked]\nİ"


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("password=hunter22 next", "password=[masked] next"),
        ('{"password": "with space 1"}', '{"password": "[masked]"}'),
        ("{'api_key': 'abcd1234'}", "{'api_key': '[masked]'}"),
        ('"{\\"api_key\\": \\"sekrit99\\"}"', '"{\\"api_key\\": \\"[masked]\\"}"'),
        ("AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7", "AWS_SECRET_ACCESS_KEY=[masked]"),
        ("DB_PASSWORD: s3cr3t!x", "DB_PASSWORD: [masked]"),
        ("Authorization: Bearer abcdefghijklmnop1234", "Authorization: Bearer [masked]"),
        ("https://user:s3cret@host/x?y=1", "https://user:[masked]@host/x?y=1"),
        ("https://x/y?sig=abcdef123456&z=1", "https://x/y?sig=[masked]"),
        ("access_token => abcdef123456", "access_token => [masked]"),
        ("X-Api-Key: 0123456789abcdef", "X-Api-Key: [masked]"),
    ],
)
def test_values_behind_a_telling_name_go(text: str, masked: str) -> None:
    assert mask(text) == masked


@pytest.mark.parametrize(
    "text",
    [
        "The token count is 12345678 and the key: value pairs are sorted.",
        '{"token": {"type": "string"}, "secret": ["a"]}',
        "password = input()",
        "password = get_password(user)",
        "write to jane@example.org about https://example.org/a:b",
        "a basic understanding of the bearer of this letter",
        "task-0123456789 risk-free disk_usage",
        "def test_key_error(): raise KeyError('a_key: something')",
        "",
    ],
)
def test_ordinary_text_stays_as_it_is(text: str) -> None:
    assert mask(text) == text


def test_none_stays_none() -> None:
    assert mask(None) is None


@given(st.text(max_size=200), st.sampled_from(sorted(SECRETS.values())), st.text(max_size=200))
def test_no_text_around_a_secret_lets_it_through(before: str, secret: str, after: str) -> None:
    assert secret not in mask(f"{before}\n{secret}\n{after}")


@given(st.text(alphabet="skpasword=:\"' -_@/{}a1\n\\", max_size=300))
def test_masking_ends_and_is_stable(text: str) -> None:
    once = mask(text)
    assert mask(once) == once
