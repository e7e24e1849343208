"""Every kind of value: exact canonical texts, exact refusals, and that canonical texts are fixed points."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opencets.errors import ValueRefused
from opencets.records import KINDS
from opencets.values import normalise

MD5_OF_NOTHING = "d41d8cd98f00b204e9800998ecf8427e"
SHA1_OF_NOTHING = "da39a3ee5e6b4b0d3255bfef95601890afd80709"
SHA256_OF_NOTHING = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
PDQ = "f8f8f0cee0f4a84f06370a22038f63f0b36e2ed596621e1d33e6b39c4e9c9b22"

ACCEPTED: list[tuple[str, str, dict[str, str], str]] = [
    ("email", "Sam.Sample+shop@Example.ORG", {}, "sam.sample@example.org"),
    ("email", "sam.sample+x@googlemail.com", {}, "samsample@gmail.com"),
    ("email", "Sam Sample <mailto:SAM@example.net>", {}, "sam@example.net"),
    ("email", "bob@BÜCHER.example", {}, "bob@xn--bcher-kva.example"),
    ("email", "用户@例子.example", {}, "用户@xn--fsqu00a.example"),
    ("phone", "+44 20 7946 0123", {}, "+442079460123"),
    ("phone", "0044 (0)20 7946 0123", {"country": "DE"}, "+442079460123"),
    ("phone", "020 7946 0123", {"country": "GB"}, "+442079460123"),
    ("phone", "(212) 555-0100", {"country": "us"}, "+12125550100"),
    ("phone", "٠٠٤٤٢٠٧٩٤٦٠١٢٣", {}, "+442079460123"),
    ("phone", "19195550123@s.whatsapp.net", {}, "+19195550123"),
    ("phone", "442079460123", {}, "+442079460123"),
    ("handle", "@Sam_Sample", {}, "unknown:sam_sample"),
    ("handle", "Insta: @Sam.Sample", {}, "instagram:sam.sample"),
    ("handle", "Sam_Sample", {"service": "Kik Messenger"}, "kik:sam_sample"),
    ("handle", "sam@kik", {}, "kik:sam"),
    ("handle", "https://www.instagram.com/Sam.Sample/?hl=en", {}, "instagram:sam.sample"),
    ("handle", "@sam@social.example", {}, "fediverse:sam@social.example"),
    ("handle", "Сэм_Пример", {"service": "VK"}, "vk:сэм_пример"),
    ("handle", "sam#0", {"service": "discord"}, "discord:sam"),
    ("account_id", "1307420811221966848", {"service": "X"}, "twitter:1307420811221966848"),
    ("account_id", "UCabcDEF_-12", {"service": "YouTube"}, "youtube:UCabcDEF_-12"),
    ("url", "HTTP://Example.org:80/a/../b?utm_source=x&y=1#z", {}, "http://example.org/b?y=1"),
    ("url", "www.example.org", {}, "http://www.example.org/"),
    ("url", "hxxps://example[.]org/%7esam", {}, "https://example.org/~sam"),
    ("url", "https://sam:secret@example.org/x", {}, "https://example.org/x"),
    ("url", "https://例子.example/日本", {}, "https://xn--fsqu00a.example/%E6%97%A5%E6%9C%AC"),
    ("ip", "198.51.100.23:51413", {}, "198.51.100.23"),
    ("ip", "192.000.002.001", {}, "192.0.2.1"),
    ("ip", "2001:0DB8:0::0007", {}, "2001:db8::7"),
    ("ip", "[2001:db8::7]:443", {}, "2001:db8::7"),
    ("ip", "::ffff:192.0.2.1", {}, "192.0.2.1"),
    ("ip_hour", "192.0.2.1@2026-02-03T03:59:00Z", {}, "192.0.2.1@2026-02-03T03"),
    ("ip_hour", "192.0.2.1", {"instant": "2026-02-03 04:30 +0100"}, "192.0.2.1@2026-02-03T03"),
    ("ip_port", "198.51.100.7:51413@2026-02-03T03:59:00Z", {}, "198.51.100.7:51413@2026-02-03T03"),
    ("ip_port", "[2001:db8::7]:51413@2026-02-03T03", {}, "[2001:db8::7]:51413@2026-02-03T03"),
    ("ip_port", "198.51.100.7", {"port": "٥١٤١٣", "instant": "2026-02-03 04:30 +0100"}, "198.51.100.7:51413@2026-02-03T03"),
    ("mac", "D0-50-99-84-A2-A0", {}, "d0:50:99:84:a2:a0"),
    ("mac", "MAC: d050.9984.a2a0", {}, "d0:50:99:84:a2:a0"),
    ("imei", "35-676308-983074-2", {}, "356763089830742"),
    ("imei", "3567630898307401", {}, "356763089830742"),
    ("imei", "IMEI: 356763089830742", {}, "356763089830742"),
    ("device_serial", "F2LXX123ABC", {"maker": "Apple Inc.", "model": "Apple iPhone 12"},
     "apple|iphone 12|f2lxx123abc"),
    ("camera_serial", "3001234", {"maker": "NIKON CORPORATION", "model": "NIKON D70"}, "nikon|d70|3001234"),
    ("wallet", "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", {}, "bitcoin:1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"),
    ("wallet", "bitcoin:BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4?amount=1", {},
     "bitcoin:bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"),
    ("wallet", "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0", {},
     "bitcoin:bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0"),
    ("wallet", "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", {}, "ethereum:0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed"),
    ("iban", "gb82 west 1234 5698 7654 32", {}, "GB82WEST12345698765432"),
    ("payment_handle", "$SamSample", {}, "cashapp:samsample"),
    ("payment_handle", "https://paypal.me/SamSample", {}, "paypal:samsample"),
    ("sha256", "17307B1207EB6487D7908E9D154890B46E3D2E0192369CFD3F4C33D5A5AF4035", {},
     "17307b1207eb6487d7908e9d154890b46e3d2e0192369cfd3f4c33d5a5af4035"),
    ("sha1", "5D66EEC547469A1817BDA4ABE35C801359B2BB55", {}, "5d66eec547469a1817bda4abe35c801359b2bb55"),
    ("sha1", "urn:sha1:LVTO5RKHI2NBQF55USV6GXEACNM3FO2V", {}, "5d66eec547469a1817bda4abe35c801359b2bb55"),
    ("md5", "0x97FDC6AE077D8165F3CB4AA494DDB7D4", {}, "97fdc6ae077d8165f3cb4aa494ddb7d4"),
    ("pdq", PDQ.upper(), {"quality": "100"}, PDQ),
    ("plate", "ab12 cde", {"country": "gb"}, "GB:AB12CDE"),
    ("plate", "А 123 ВС 77", {}, "А123ВС77"),
    ("national_id", "AB 12-34", {"country": "GB"}, "GB:AB1234"),
    ("name", "  Zoe\u0308   O'Neil ", {}, "Zoë O'Neil"),
    ("name", "王小明", {}, "王小明"),
    ("name", "نوال السعداوي", {}, "نوال السعداوي"),
    ("date", "1 May 1990", {}, "1990-05-01"),
    ("date", "May 1, 1990", {}, "1990-05-01"),
    ("date", "1er mai 1990", {}, "1990-05-01"),
    ("date", "3 de mayo de 1990", {}, "1990-05-03"),
    ("date", "1 мая 1990", {}, "1990-05-01"),
    ("date", "1990年5月1日", {}, "1990-05-01"),
    ("date", "١٩٩٠-٠٥-٠١", {}, "1990-05-01"),
    ("date", "01.02.1990", {}, "1990-02-01"),
    ("date", "13/04/1990", {}, "1990-04-13"),
    ("date", "03/04/1990", {"order": "mdy"}, "1990-03-04"),
    ("date", "03/04/1990", {"order": "dmy"}, "1990-04-03"),
    ("date", "1/5/31", {"order": "dmy"}, "1931-05-01"),
    ("date", "1990-00-00", {}, "1990"),
    ("date", "05/1990", {}, "1990-05"),
    ("date", "19900501", {}, "1990-05-01"),
    ("instant", "2026-02-03T04:05:06.1230000Z", {}, "2026-02-03T04:05:06.123Z"),
    ("instant", "2026-02-03 04:05:06.123 -0500", {}, "2026-02-03T09:05:06.123Z"),
    ("instant", "1770091146", {}, "2026-02-03T03:59:06Z"),
    ("instant", "1770091146500", {}, "2026-02-03T03:59:06.5Z"),
    ("instant", "1770091146500001", {}, "2026-02-03T03:59:06.500001Z"),
    ("instant", "/Date(1767323045000+0100)/", {}, "2026-01-02T03:04:05Z"),
    ("instant", "2026-5-01T10:00:00+01:00Z", {}, "2026-05-01T09:00:00Z"),
    ("instant", "Thu Jan 01 10:00:00 UTC 2026", {}, "2026-01-01T10:00:00Z"),
    ("instant", "Tue, 03 Feb 2026 04:05:06 -0500", {}, "2026-02-03T09:05:06Z"),
    ("instant", "10/22/2008 4:28:39 PM (UTC+2)", {}, "2008-10-22T14:28:39Z"),
    ("instant", "2008:10:22 16:28:39", {}, "2008-10-22T16:28:39"),
    ("instant", "31/12/21, 10:15\u202fpm", {}, "2021-12-31T22:15:00"),
    ("instant", "2026-07-01 12:00", {"zone": "Europe/London"}, "2026-07-01T11:00:00Z"),
    ("instant", "2026-10-25 01:30", {"zone": "Europe/London"}, "2026-10-25T01:30:00"),
    ("instant", "2026-02-03 10:00:00 CST", {}, "2026-02-03T10:00:00"),
    ("instant", "1969-07-20T20:17:40Z", {}, "1969-07-20T20:17:40Z"),
    ("instant", "2026-01-15", {}, "2026-01-15"),
    ("place", "43.467448/11.885127", {}, "43.46745,11.88513"),
    ("place", "43°28'2.8\"N 11°53'6\"E", {}, "43.46744,11.88500"),
    ("place", "S 33 51.5, E 151 12.6", {}, "-33.85833,151.21000"),
    ("place", "43,467448; 11,885127", {}, "43.46745,11.88513"),
    ("place", "geo:43.467448,11.885127;u=35", {}, "43.46745,11.88513"),
    ("address", "1 Test St\r\nTestville", {}, "1 Test St, Testville"),
    ("text", "a\r\nb\0", {}, "a\nb\ufffd"),
    ("number", "1,234,567.50", {}, "1234567.5"),
    ("number", "1.234,5", {"decimal": ","}, "1234.5"),
    ("number", "-0.0", {}, "0"),
    ("number", "٤٢", {}, "42"),
    ("code", "1", {"scheme": "us"}, "US:1"),
    ("code", "True", {}, "true"),
    ("code", "weiblich", {"list": "gender"}, "female"),
    ("code", "ja", {"list": "boolean"}, "true"),
    ("code", "gb", {}, "GB"),
]  # fmt: skip

REFUSED: list[tuple[str, str, dict[str, str], str]] = [
    ("email", "sam at example.org", {}, "no @"),
    ("email", "sam@localhost", {}, "full host name"),
    ("email", "sam@example..org", {}, "host name"),
    ("email", "19195550123@s.whatsapp.net", {}, "WhatsApp number"),
    ("phone", "020 7946 0123", {}, "of which country"),
    ("phone", "+1 555 0102", {}, "area code"),
    ("phone", "1.30742E+18", {}, "last digits are lost"),
    ("phone", "0000000000", {"country": "GB"}, "filler"),
    ("phone", "120363023356659014@g.us", {}, "group"),
    ("handle", "n/a", {}, "missing value"),
    ("handle", "@x", {}, "missing value"),
    ("account_id", "1001", {}, "of which service"),
    ("account_id", "0", {"service": "x"}, "missing account number"),
    ("account_id", "1.30742E+18", {"service": "x"}, "last digits are lost"),
    ("url", "javascript:alert(1)", {}, "not a web address"),
    ("url", "just words", {}, "not a web address"),
    ("ip", "0.0.0.0", {}, "not the address of a connection"),
    ("ip", "2001:db8::/56", {}, "range"),
    ("ip", "192.0.2.300", {}, "not an IP address"),
    ("ip_hour", "192.0.2.1@2026-02-03 03:59", {}, "zone is not known"),
    ("ip_hour", "10.0.0.1@2026-02-03T03:59:00Z", {}, "inside many networks"),
    ("ip_hour", "192.0.2.1", {}, "no time"),
    ("ip_hour", "64:ff9b::c633:6407@2026-02-03T03:59:00Z", {}, "translator"),
    ("ip_port", "198.51.100.7@2026-02-03T03", {}, "no port"),
    ("ip_port", "198.51.100.7:70000@2026-02-03T03", {}, "no port between"),
    ("ip_port", "198.51.100.7:443@2026-02-03T03", {}, "of a server"),
    ("ip_port", "10.0.0.1:5000@2026-02-03T03", {}, "inside many networks"),
    ("mac", "01:00:5e:00:00:fb", {}, "of a group"),
    ("mac", "00:00:00:00:00:00", {}, "filler"),
    ("mac", "d0:50:99:84:a2", {}, "six pairs"),
    ("imei", "356763089830743", {}, "check digit"),
    ("imei", "000000000000000", {}, "default number"),
    ("imei", "4000000000000002", {}, "begin like an IMEI"),
    ("device_serial", "0123456789", {"maker": "a", "model": "b"}, "default number"),
    ("device_serial", "To Be Filled By O.E.M.", {}, "default number"),
    ("camera_serial", "00000000", {"maker": "a"}, "default number"),
    ("camera_serial", "1234", {"maker": "a"}, "default number"),
    ("camera_serial", "48213", {}, "too short"),
    ("wallet", "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb", {}, "checksum"),
    ("wallet", "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1Beaed", {}, "checksum"),
    ("wallet", "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t5", {}, "checksum"),
    ("iban", "GB82 WEST 1234 5698 7654 33", {}, "checksum"),
    ("md5", MD5_OF_NOTHING, {}, "without bytes"),
    ("sha1", SHA1_OF_NOTHING.upper(), {}, "without bytes"),
    ("sha256", SHA256_OF_NOTHING, {}, "without bytes"),
    ("md5", "97fdc6ae077d8165f3cb4aa494ddb7d", {}, "32 hexadecimal digits"),
    ("md5", "0" * 32, {}, "missing MD5"),
    ("pdq", "0" * 64, {}, "flat picture"),
    ("pdq", PDQ, {"quality": "49"}, "less than 50"),
    ("plate", "unknown", {}, "missing value"),
    ("national_id", "AB1234", {}, "of which country"),
    ("name", "unbekannt", {}, "missing value"),
    ("name", "N/A", {}, "missing value"),
    ("name", "12345", {}, "no letter"),
    ("date", "03/04/1990", {}, "day or the month comes first"),
    ("date", "1990-02-30", {}, "no day 30"),
    ("date", "2533-05-01", {}, "Buddhist calendar"),
    ("instant", "01.01.0001 00:00:00", {}, "missing time"),
    ("instant", "1601-01-01T00:00:00Z", {}, "missing time"),
    ("instant", "2026-02-03 25:00:00", {}, "not a time of day"),
    ("instant", "2026-02-03 10:00", {"zone": "Mars/Olympus"}, "not a time zone"),
    ("place", "0,0", {}, "missing position"),
    ("place", "95.0, 10.0", {}, "not on the globe"),
    ("number", "1,234", {}, "decimal sign"),
    ("number", "many", {}, "not a number"),
    ("code", "perhaps", {"list": "boolean"}, "neither yes nor no"),
    ("text", " \n", {}, "empty"),
    ("address", "n/a", {}, "missing value"),
    ("payment_handle", "none", {}, "missing value"),
    ("sha256", "not a digest", {}, "64 hexadecimal digits"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "raw", "context", "normal"), ACCEPTED, ids=lambda part: str(part)[:40])
def test_a_value_gets_its_canonical_text(kind: str, raw: str, context: dict[str, str], normal: str) -> None:
    assert normalise(kind, raw, **context) == normal


@pytest.mark.parametrize(("kind", "raw", "context", "normal"), ACCEPTED, ids=lambda part: str(part)[:40])
def test_a_canonical_text_is_its_own_canonical_text(kind: str, raw: str, context: dict[str, str], normal: str) -> None:
    assert normalise(kind, normal) == normal
    assert normalise(kind, normal, **{**context, "order": "dmy"}) == normal


@pytest.mark.parametrize(("kind", "raw", "context", "reason"), REFUSED, ids=lambda part: str(part)[:40])
def test_a_refused_value_says_why_in_a_sentence(kind: str, raw: str, context: dict[str, str], reason: str) -> None:
    with pytest.raises(ValueRefused) as refusal:
        normalise(kind, raw, **context)
    assert reason in refusal.value.sentence
    assert refusal.value.sentence.endswith(".")


def test_every_kind_of_the_vocabulary_has_cases_and_refusals() -> None:
    assert {kind for kind, *_ in ACCEPTED} == set(KINDS)
    assert {kind for kind, *_ in REFUSED} == set(KINDS)


@pytest.mark.parametrize("kind", sorted(KINDS))
@pytest.mark.parametrize(
    "raw", ["", " ", "\0", "\ud800", "\u200b\u202e", "x" * 200_000, "9" * 100_000, "@" * 5000, "(" * 5000]
)
def test_hostile_text_is_refused_or_made_storable(kind: str, raw: str) -> None:
    try:
        normal = normalise(kind, raw, country="GB", service="kik")
    except ValueRefused as refusal:
        outcome = refusal.sentence
    else:
        outcome = normal
        normal.encode("utf-8")
        assert "\0" not in normal
    assert outcome
    assert len(outcome) < 1000 or kind == "text"


ALPHABETS = st.one_of(
    st.text(max_size=60),
    st.text("0123456789+-./:() TZ@,|", max_size=40),
    st.text("abcdefgABCDEFG0123456789:@._|$-+%/?#&= ", max_size=60),
    st.sampled_from([raw for _, raw, _, _ in ACCEPTED]),
    st.builds("{}{}".format, st.sampled_from([raw for _, raw, _, _ in ACCEPTED]), st.text(max_size=4)),
    st.builds("{}{}".format, st.text(max_size=4), st.sampled_from([raw for _, raw, _, _ in ACCEPTED])),
)
CONTEXTS = st.sampled_from(
    [
        {},
        {"country": "GB", "service": "kik", "maker": "Nikon", "model": "D70", "scheme": "US", "order": "dmy"},
        {
            "country": "DE",
            "service": "a: b",
            "zone": "Europe/Berlin",
            "order": "mdy",
            "instant": "2026-02-03T04:05:06Z",
        },
        {"country": "us", "service": "X", "quality": "80", "decimal": ",", "list": "gender"},
    ]
)


@pytest.mark.parametrize("kind", sorted(KINDS))
@settings(max_examples=150, deadline=None)
@given(raw=ALPHABETS, context=CONTEXTS)
def test_normalising_twice_is_normalising_once(kind: str, raw: str, context: dict[str, str]) -> None:
    try:
        normal = normalise(kind, raw, **context)
    except ValueRefused:
        return
    assert normalise(kind, normal) == normal
    assert normal.strip()
    normal.encode("utf-8")
