"""Tables: what their columns mean, in several languages; what a person corrects; what broken rows cost."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path

import openpyxl
import pytest
import yaml

from opencets.parsing.readers import table
from opencets.parsing.source import Event, Noted, Skipped, Source, source_of
from opencets.records import PROPERTIES, Claim, Locator, Record

SAMPLES = Path(__file__).parents[2] / "../shared/data"


def of_bytes(content: bytes, name: str = "people.csv", **options: object) -> Source:
    return Source(Locator((name,)), len(content), lambda: io.BytesIO(content), dict(options))


def of_text(text: str, name: str = "people.csv", **options: object) -> Source:
    return of_bytes(text.encode(), name, **options)


def workbook(*sheets: Sequence[Sequence[object]], **options: object) -> Source:
    book = openpyxl.Workbook()
    for number, rows in enumerate(sheets):
        sheet = book.active if number == 0 else book.create_sheet(f"Sheet {number + 1}")
        assert sheet is not None
        for row in rows:
            sheet.append(list(row))
    content = io.BytesIO()
    book.save(content)
    return of_bytes(content.getvalue(), "people.xlsx", **options)


def events(source: Source) -> list[Event]:
    assert table.recognise(source) is None
    return list(table.read(source))


def records(source: Source) -> list[Record]:
    return [event for event in events(source) if isinstance(event, Record)]


def refusals(source: Source) -> list[str]:
    return [event.sentence for event in events(source) if isinstance(event, Skipped)]


def notes(source: Source) -> list[str]:
    return [event.code for event in events(source) if isinstance(event, Noted)]


def values(record: Record) -> dict[str, str | None]:
    return {claim.property: claim.normal for claim in record.claims}


def claim(record: Record, name: str) -> Claim:
    return next(one for one in record.claims if one.property == name)


@pytest.fixture
def samples() -> Path:
    if not SAMPLES.is_dir():
        pytest.skip("the sample files are not beside the repository")
    return SAMPLES


def test_every_meaning_in_the_header_file_is_a_property_or_a_part() -> None:
    meanings = yaml.safe_load(Path(table.__file__).with_name("columns.yaml").read_text("utf-8"))
    assert {name.partition("@")[0] for name in meanings} <= set(PROPERTIES) | table.PARTS
    assert all(isinstance(word, str) for words in meanings.values() for word in words)


def test_the_login_log_gives_events_with_the_address_at_its_hour(samples: Path) -> None:
    found = records(source_of(samples / "logs/ip_login_log.csv", options={"service": "ExampleChat"}))
    assert [record.kind for record in found] == ["event"] * 3
    assert [record.first("happened_at") for record in found] == [
        "2026-02-03T03:59:00Z",
        "2026-02-03T03:59:06Z",
        "2026-02-03T09:05:06.123Z",
    ]
    assert [record.first("ip_hour") for record in found] == [
        "2001:db8::7@2026-02-03T03",
        "198.51.100.23@2026-02-03T03",
        "203.0.113.9@2026-02-03T09",
    ]
    assert found[1].first("account_id") == "examplechat:1001"
    assert claim(found[0], "ip").role == "seen_with"
    assert dict(found[0].extra) == {"user_agent": "Mozilla/5.0 (X)"}


def test_the_subscriber_return_gives_a_person_and_every_hour_of_the_session(samples: Path) -> None:
    (person,) = records(source_of(samples / "logs/isp_subscriber_return.csv"))
    assert person.kind == "person"
    assert person.first("full_name") == "Sam Sample"
    assert person.first("email") == "sam.sample@example.net"
    assert list(person.values("ip_hour")) == [f"198.51.100.23@2026-02-03T0{hour}" for hour in range(3, 10)]
    assert person.first("mac") == "00:1a:7d:da:71:13"


def test_the_griffeye_export_gives_media_and_asks_for_the_order_of_dates(samples: Path) -> None:
    source = source_of(samples / "griffeye_csv/griffeye_export.csv")
    found = records(source)
    assert [record.kind for record in found] == ["media"] * 12
    assert values(found[0]) | {"tag": "#demo"} == {
        "category": "UNKNOWN:Non-Pertinent",
        "created_at": None,
        "file_path": "C:\\Users\\demo\\Pictures\\BlueSquare.jpg",
        "file_name": "BlueSquare.jpg",
        "size_bytes": "24205",
        "md5": "527657312f212919629bee3a407e7a2e",
        "sha1": "edc329f6d703220fdadf836fbba58f167dfb5d65",
        "sha256": "1e1cdf92904b5da35302c2655e5f7a2ea68d6bf8d9b3922225e3f2a17ba3bb6b",
        "tag": "#demo",
    }
    assert "order-needed" in notes(source)
    said = records(source_of(samples / "griffeye_csv/griffeye_export.csv", options={"order": "mdy"}))
    assert said[0].first("created_at") == "2009-01-10T20:16:10"


@pytest.mark.parametrize(
    ("name", "kind", "count"),
    [
        ("BeReal Contacts", "person", 4),
        ("Twitter X - Direct Message Users", "person", 5),
        ("Twitter X - Direct Messages", "message", 72),
        ("WhatsApp - Call History", "event", 4),
        ("WhatsApp - Contacts", "person", 9),
        ("WhatsApp - Messages", "message", 32),
        ("WiFi Known Networks Times", "event", 5),
    ],
)
def test_the_tables_of_a_phone_report_are_read(samples: Path, name: str, kind: str, count: int) -> None:
    found = records(source_of(samples / f"mobile/lava_output/_TSV Exports/{name}.tsv", options={"country": "US"}))
    assert [record.kind for record in found] == [kind] * count


def test_several_numbers_in_one_cell_are_several_claims(samples: Path) -> None:
    found = records(source_of(samples / "mobile/lava_output/_TSV Exports/BeReal Contacts.tsv"))
    assert list(found[2].values("phone")) == ["+19195790479", "+19193912507"]


@pytest.mark.parametrize(
    "header",
    [
        "First name,Last name,Date of birth,E-mail,Telephone,City",
        "Vorname,Nachname,Geburtsdatum,E-Mail-Adresse,Telefonnummer,Wohnort",
        "Prénom,Nom,Date de naissance,Courriel,Numéro de téléphone,Ville",
        "Primer nombre,Apellido,Fecha de nacimiento,Correo electrónico,Teléfono,Ciudad",
        "Voornaam,Achternaam,Geboortedatum,E-mailadres,Telefoonnummer,Woonplaats",
        "Imię,Nazwisko,Data urodzenia,Adres e-mail,Numer telefonu,Miasto",
        "Имя,Фамилия,Дата рождения,Электронная почта,Номер телефона,Город",
        "名,姓,生年月日,メールアドレス,電話番号,市区町村",
        "الاسم الأول,اسم العائلة,تاريخ الميلاد,البريد الإلكتروني,رقم الهاتف,المدينة",
    ],
)
def test_headers_are_known_in_many_languages(header: str) -> None:
    (person,) = records(of_text(f"{header}\nSam,Sample,13.04.1990,sam@example.org,+44 20 7946 0123,Testville\n"))
    assert person.kind == "person"
    assert values(person) == {
        "given_name": "Sam",
        "family_name": "Sample",
        "date_of_birth": "1990-04-13",
        "email": "sam@example.org",
        "phone": "+442079460123",
        "city": "Testville",
    }


def test_a_guess_says_how_sure_it_is_and_why() -> None:
    guesses = table.guess_columns(of_text("Kontakt,E-Mail,Shoe size\nSam,sam@example.org,42\nJo,jo@example.net,38\n"))
    assert [(guess.index, guess.property) for guess in guesses] == [(0, None), (1, "email"), (2, None)]
    assert guesses[1].confidence > 0.9
    assert guesses[1].why == "header “E-Mail”, and 100% of its cells are one"
    assert guesses[1].samples == ("sam@example.org", "jo@example.net")


def test_cells_speak_where_headers_do_not() -> None:
    guesses = table.guess_columns(
        of_text("a;b;c\nsam@example.org;198.51.100.2;+44 20 7946 0123\njo@example.net;2001:db8::1;+44 20 7946 0124\n")
    )
    assert [guess.property for guess in guesses] == ["email", "ip", "phone"]


def test_a_table_without_header_is_read_by_its_cells() -> None:
    found = records(of_text("sam@example.org,x1\njo@example.net,x2\n"))
    assert [record.first("email") for record in found] == ["sam@example.org", "jo@example.net"]
    assert str(found[0].locator) == "people.csv › row 1"
    assert dict(found[0].extra) == {"Column 2": "x1"}


def test_a_person_corrects_columns_by_index_or_header() -> None:
    text = "Contact,Who,Nick\nsam@example.org,Sam Sample,sammy\n"
    (plain,) = records(of_text(text))
    assert "screen_name" not in values(plain)
    options = {"columns": {"0": "contact:email", "Who": "full_name", "2": "screen_name@kik"}}
    (said,) = records(of_text(text, **options))  # type: ignore[arg-type]
    assert claim(said, "email").role == "contact"
    assert said.first("full_name") == "Sam Sample"
    assert said.first("screen_name") == "kik:sammy"
    (ignored,) = records(of_text("Email,Name\nsam@example.org,Sam Sample\n", columns={"0": ""}))
    assert values(ignored) == {"full_name": "Sam Sample"}
    assert dict(ignored.extra) == {"Email": "sam@example.org"}


def test_a_correction_that_cannot_be_done_is_told() -> None:
    told = refusals(of_text("Email,Name\nsam@example.org,Sam\n", columns={"1": "emial", "9": "phone"}))
    assert told[0].startswith("people.csv: column 1 (“Name”) was called “emial”")
    assert "no column “9”" in told[1]


def test_a_header_that_names_a_service_gives_screen_names_of_it() -> None:
    (found,) = records(of_text("Name,Kik username,Instagram,Discord ID\nSam Sample,sam_s,@sam.s,80351110224678912\n"))
    assert list(found.values("screen_name")) == ["kik:sam_s", "instagram:sam.s"]
    assert found.first("account_id") == "discord:80351110224678912"


def test_the_country_of_the_row_reads_its_number_and_the_option_the_others() -> None:
    found = records(of_text("Name,Phone,Country\nSam,020 7946 0123,GB\nJo,030 123456,\nAl,0123,\n", country="DE"))
    assert [record.first("phone") for record in found] == ["+442079460123", "+4930123456", None]


def test_dates_are_read_in_the_order_that_one_row_proves() -> None:
    source = of_text("Name,DOB\nSam,03/04/1990\nJo,25/12/1985\n")
    assert [record.first("date_of_birth") for record in records(source)] == ["1990-04-03", "1985-12-25"]
    assert notes(source) == ["order-inferred"]
    undecided = of_text("Name,DOB\nSam,03/04/1990\n")
    assert records(undecided)[0].first("date_of_birth") is None
    assert notes(undecided) == ["order-needed"]
    assert records(of_text("Name,DOB\nSam,03/04/1990\n", order="mdy"))[0].first("date_of_birth") == "1990-03-04"


def test_a_zone_comes_from_the_header_or_the_option_and_is_never_invented() -> None:
    row = "2026-07-01 12:30:00,198.51.100.2"
    assert records(of_text(f"Time (UTC),IP\n{row}\n"))[0].first("ip_hour") == "198.51.100.2@2026-07-01T12"
    assert (
        records(of_text(f"Timestamp,IP\n{row}\n", zone="Europe/London"))[0].first("ip_hour")
        == "198.51.100.2@2026-07-01T11"
    )
    unknown = records(of_text(f"Timestamp,IP\n{row}\n"))[0]
    assert unknown.first("happened_at") == "2026-07-01T12:30:00"
    assert "zone is not known" in claim(unknown, "ip_hour").note


def test_date_and_time_in_two_columns_make_one_instant() -> None:
    (found,) = records(of_text("Date,Time,IP\n2026-07-01,12:30:05,198.51.100.2\n", zone="UTC"))
    assert found.first("happened_at") == "2026-07-01T12:30:05Z"
    assert found.first("ip_hour") == "198.51.100.2@2026-07-01T12"


def test_a_row_of_another_width_is_skipped_with_its_number_and_both_widths() -> None:
    source = of_text(
        "Name,Email,City\nSam,sam@example.org,A\nJo,jo@example.net\nAl,al@example.com,B,,\nEve,e@example.org,C,more\n"
    )
    assert [str(record.locator) for record in records(source)] == ["people.csv › row 2", "people.csv › row 4"]
    assert refusals(source) == [
        "people.csv › row 3: it has 2 columns, 3 expected; row skipped.",
        "people.csv › row 5: it has 4 columns, 3 expected; row skipped.",
    ]


def test_a_quotation_mark_that_is_never_closed_costs_its_own_row() -> None:
    source = of_text('Name,Email\n"Sam,sam@example.org\nJo,jo@example.net\nAl,al@example.com\n')
    assert [record.first("full_name") for record in records(source)] == ["Jo", "Al"]
    (told,) = refusals(source)
    assert "row 2" in told
    assert "quotation mark is not closed" in told


def test_lines_above_the_header_are_passed_over_and_told() -> None:
    source = of_text("Report of subscribers,,\nmade 2026,,\nName,Email,City\nSam,sam@example.org,A\n")
    (person,) = records(source)
    assert str(person.locator) == "people.csv › row 4"
    assert "preamble" in notes(source)


def test_text_that_is_not_utf_8_asks_for_its_encoding() -> None:
    content = "Name,Email\nZoë,zoe@example.org\n".encode("windows-1252")
    with pytest.raises(Exception, match="say which encoding"):
        list(table.read(of_bytes(content)))
    (person,) = records(of_bytes(content, encoding="windows-1252"))
    assert person.first("full_name") == "Zoë"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_every_delimiter_and_byte_order_mark_is_read(encoding: str, delimiter: str) -> None:
    text = "".join(delimiter.join(row) + "\r\n" for row in [["Name", "Email"], ["王小明", "wang@example.org"]])
    (person,) = records(of_bytes(text.encode(encoding)))
    assert values(person) == {"full_name": "王小明", "email": "wang@example.org"}


def test_a_workbook_is_read_with_dates_numbers_and_formulas_as_text() -> None:
    source = workbook(
        [
            ["Name", "Date of birth", "Phone", "Remark"],
            ["Sam", date(1990, 5, 1), 442079460123, '=HYPERLINK("http://example.org","x")'],
            [],
            ["Jo", datetime(1985, 12, 25), 1.3074208112219668e18, None],
        ]
    )
    sam, jo = records(source)
    assert values(sam) | {"url": None} == {
        "full_name": "Sam",
        "date_of_birth": "1990-05-01",
        "phone": "+442079460123",
        "comment": '=HYPERLINK("http://example.org","x")',
        "url": None,
    }
    assert str(jo.locator) == "people.xlsx › row 4"
    assert "last digits are lost" in claim(jo, "phone").note


def test_every_sheet_is_read_and_named() -> None:
    source = workbook(
        [["Name", "Email"], ["Sam", "sam@example.org"]],
        [["IP", "Time (UTC)"], ["198.51.100.2", "2026-07-01 12:30"]],
        [],
    )
    assert [(record.kind, record.locator.place) for record in records(source)] == [
        ("person", "sheet Sheet, row 2"),
        ("event", "sheet Sheet 2, row 2"),
    ]


def test_a_broken_workbook_and_a_bomb_are_refused_in_a_sentence() -> None:
    whole = workbook([["Name", "Email"], ["Sam", "sam@example.org"]])
    with whole.open() as stream:
        content = stream.read()
    with pytest.raises(Exception, match="workbook"):
        list(table.read(of_bytes(content[: len(content) // 2], "people.xlsx")))
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", "<workbook/>")
        archive.writestr("xl/sharedStrings.xml", b"\0" * 40_000_000)
    with pytest.raises(Exception, match="bomb"):
        list(table.read(of_bytes(bomb.getvalue(), "people.xlsx")))


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (b"", "x.txt"),
        (b"Dear Sam, thank you, and see you, soon.\nBest, Jo\n", "letter.txt"),
        (b'{"a": 1, "b": 2}\n', "x.txt"),
        (b"<a>,<b>\n", "x.xml"),
        (b"\xff\xd8\xff\xe0\0\0", "x.jpg"),
        (b"PK\x03\x04", "x.zip"),
        (b"From sam@example.org Mon Jan  1\nTo: a, b\n", "x.mbox"),
    ],
)
def test_other_content_is_left_to_others(content: bytes, name: str) -> None:
    assert table.recognise(of_bytes(content, name))


def test_columns_that_mean_nothing_are_told_and_not_guessed() -> None:
    (told,) = refusals(of_text("Shoe,Hat\n42,L\n43,M\n"))
    assert told.startswith("people.csv: none of its 2 columns (Shoe, Hat) means something here")


@pytest.mark.parametrize(
    "text",
    [
        "Name,Email\n" + "x" * 1_500_000 + ",a@example.org\nSam,sam@example.org\n",
        "Name,Email\n" + ",".join("x" * 5_000) + "\nSam,sam@example.org\n",
        "Name,Email\n\0\0,\0\nSam,sam@example.org\n",
        "Name,Email\n" + '"\n' * 301 + "Sam,sam@example.org\n",
    ],
)
def test_hostile_rows_cost_themselves_and_the_rest_is_read(text: str) -> None:
    found = records(of_text(text))
    assert found[-1].first("email") == "sam@example.org"
