"""`raw`: whatever lies on the topic becomes one event or one rejection, and never a neighbour's."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from tests.stream.factories import encoded, with_text

from trailhouse.producers.event import (
    ATTRIBUTES_MAX,
    EVENT_BYTES_MAX,
    FIELD,
    FIELDS,
    REQUIRED,
    TEXT_LENGTH_MAX,
)
from trailhouse.stream.raw import DEPTH_MAX, RawEvent, decode, decode_many, org_of
from trailhouse.stream.rejected import Reason, Rejection

DEEP = 200_000


def rejection_of(value: bytes | None) -> Rejection:
    with pytest.raises(Rejection) as caught:
        decode(value)
    return caught.value


def test_the_fields_are_the_contracts() -> None:
    """The struct and the contract name the same fields in the same order, and require the same ones."""
    assert RawEvent.__struct_fields__ == tuple(field.name for field in FIELDS)
    required = tuple(each.name for each in msgspec.structs.fields(RawEvent) if each.required)
    assert required == REQUIRED


def test_an_event_is_decoded_with_every_field() -> None:
    """Each field of the contract arrives with its value."""
    values: dict[str, Any] = {
        "text": "text",
        "integer": 1,
        "choice": "user",
        "object": {"name": {"before": 1, "after": [2, None]}},
        "scalars": {"a": "b", "n": 1, "x": 1.5, "yes": True, "no": None},
    }
    fields = {field.name: values[field.kind] for field in FIELDS if field.kind in values}
    fields["response_code"] = 204
    decoded = decode(encoded(**fields))
    changes = decoded.changes or {}
    assert json.loads(msgspec.json.encode(changes)) == fields.pop("changes")
    assert {name: getattr(decoded, name) for name in fields} == fields
    assert decoded.occurred_at == datetime(2026, 3, 2, 9, 59, 59, tzinfo=UTC)


@pytest.mark.parametrize("text", ["\x7f", "\u0085", "\u2028", "\u202e", "é\u0301", "😀", "\ufeff"])
def test_unusual_text_is_kept(text: str) -> None:
    """Text that JSON allows is nobody's business here."""
    assert decode(encoded(actor_name=text)).actor_name == text


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, Reason.EMPTY),
        (b"", Reason.EMPTY),
        (b" \t\r\n", Reason.MALFORMED),
        (b"null", Reason.MALFORMED),
        (b"17", Reason.MALFORMED),
        (b'"text"', Reason.MALFORMED),
        (b"[]", Reason.MALFORMED),
        (b"[" * DEEP, Reason.MALFORMED),
        (b'{"a":' * (DEEP // 5), Reason.MALFORMED),
        (b"{", Reason.MALFORMED),
        (b"not JSON", Reason.MALFORMED),
        (b"\xff\xfe", Reason.MALFORMED),
        (b"\xef\xbb\xbf" + encoded(), Reason.MALFORMED),
        (encoded().decode().encode("utf-16"), Reason.MALFORMED),
        (encoded() + encoded(), Reason.MALFORMED),
        (encoded() + b"\n" + encoded(), Reason.MALFORMED),
        (encoded()[:-1], Reason.MALFORMED),
        (encoded()[:-1] + b",}", Reason.MALFORMED),
        (b"{}", Reason.INVALID_FIELD),
        (encoded() + b" " * EVENT_BYTES_MAX, Reason.TOO_LARGE),
        (b"x" * (EVENT_BYTES_MAX + 1), Reason.TOO_LARGE),
    ],
)
def test_a_value_that_is_no_event_is_rejected(value: bytes | None, reason: Reason) -> None:
    """Neither nothing, nor another document, nor half a one, nor two."""
    assert rejection_of(value).reason == reason


@pytest.mark.parametrize(
    ("member", "reason"),
    [
        (b'"attributes":{"a":NaN}', Reason.MALFORMED),
        (b'"attributes":{"a":Infinity}', Reason.MALFORMED),
        (b'"attributes":{"a":-Infinity}', Reason.MALFORMED),
        (b'"attributes":{"a":1e400}', Reason.INVALID_FIELD),
        (b'"attributes":{"a":18446744073709551616}', Reason.INVALID_FIELD),
        (b'"attributes":{"a":9223372036854775808}', Reason.INVALID_FIELD),
        (b'"attributes":{"a":-9223372036854775809}', Reason.INVALID_FIELD),
        (b'"attributes":{"a":' + b"9" * 5000 + b"}", Reason.INVALID_FIELD),
        (b'"attributes":{"a":[]}', Reason.INVALID_FIELD),
        (b'"attributes":{"a":{}}', Reason.INVALID_FIELD),
        (b'"attributes":[]', Reason.INVALID_FIELD),
        (b'"changes":[]', Reason.INVALID_FIELD),
        (b'"changes":"a"', Reason.INVALID_FIELD),
        (b'"changes":{"a":01}', Reason.MALFORMED),
        (b'"changes":{"a":tru}', Reason.MALFORMED),
        (b'"changes":{"a":"\\ud800"}', Reason.MALFORMED),
        (b'"changes":{"a":' + b"[" * (DEEP // 2) + b"]" * (DEEP // 2) + b"}", Reason.MALFORMED),
        (b'"later":' + b"[" * (DEEP // 2) + b"]" * (DEEP // 2), Reason.MALFORMED),
        (b'"later":"\xff"', Reason.MALFORMED),
        (b'"later":{"a":"\xff"}', Reason.MALFORMED),
        (b'"changes":{"a":"\xff"}', Reason.MALFORMED),
        (b'"changes":{"\xff":1}', Reason.MALFORMED),
        (b'"attributes":{"a":"\xff"}', Reason.MALFORMED),
        (b'"actor_name":"\xc3("', Reason.MALFORMED),
        (b'"actor_name":"\xed\xa0\x80"', Reason.MALFORMED),
        (b'"actor_name":"\\ud800"', Reason.MALFORMED),
        (b'"actor_name":"a\x00b"', Reason.MALFORMED),
        (b'"actor_name":"a\x1fb"', Reason.MALFORMED),
        (b'"actor_name":"a\nb"', Reason.MALFORMED),
        (b'"changes":{"a":"a\nb"}', Reason.MALFORMED),
        (b'"actor_name":"a\\u0000b"', Reason.INVALID_FIELD),
        (b'"source":"\\u0000"', Reason.INVALID_FIELD),
        (b'"attributes":{"a":"\\u0000"}', Reason.INVALID_FIELD),
        (b'"attributes":{"\\u0000":"a"}', Reason.INVALID_FIELD),
        (b'"changes":{"\\u0000":"a"}', Reason.INVALID_FIELD),
        (b'"later":"\\u0000"', Reason.INVALID_FIELD),
        (b'"actor_name":5', Reason.INVALID_FIELD),
        (b'"response_code":99', Reason.INVALID_FIELD),
        (b'"response_code":600', Reason.INVALID_FIELD),
        (b'"response_code":200.5', Reason.INVALID_FIELD),
        (b'"response_code":"200"', Reason.INVALID_FIELD),
        (b'"schema_version":true', Reason.INVALID_FIELD),
        (b'"later":"' + b"x" * (TEXT_LENGTH_MAX + 1) + b'"', Reason.INVALID_FIELD),
        (b'"later":["' + b"x" * TEXT_LENGTH_MAX + b'"]', Reason.INVALID_FIELD),
    ],
    ids=lambda each: each[:30].decode("latin-1") if isinstance(each, bytes) else each,
)
def test_a_member_that_breaks_the_contract_rejects_the_record(member: bytes, reason: Reason) -> None:
    """The decoder matrix of the delivery notes, member by member."""
    assert rejection_of(with_text(member)).reason == reason


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("occurred_at", "2026-03-02T09:59:59"),
        ("occurred_at", "2026-03-02"),
        ("occurred_at", "2026-02-30T00:00:00Z"),
        ("occurred_at", 1_772_445_599),
        ("event_id", 5),
        ("org_id", ["acme"]),
        ("actor_name", "x" * (TEXT_LENGTH_MAX + 1)),
        ("attributes", {str(n): n for n in range(ATTRIBUTES_MAX + 1)}),
        ("attributes", {"a": "x" * (TEXT_LENGTH_MAX + 1)}),
        ("attributes", {"": "a"}),
        ("attributes", {"x" * 129: "a"}),
    ],
)
def test_a_field_out_of_bounds_is_invalid(field: str, value: Any) -> None:
    """Types and lengths are the contract's."""
    rejection = rejection_of(encoded(**{field: value}))
    assert (rejection.reason, field in rejection.detail) == (Reason.INVALID_FIELD, True)


@pytest.mark.parametrize("name", REQUIRED)
def test_a_missing_field_is_named(name: str) -> None:
    """A required field that is missing, or null, is named in the detail."""
    fields = json.loads(encoded())
    assert f"`{name}`" in rejection_of(json.dumps(fields | {name: None}).encode()).detail.replace("$.", "")
    del fields[name]
    rejection = rejection_of(json.dumps(fields).encode())
    assert (rejection.reason, f"`{name}`" in rejection.detail) == (Reason.INVALID_FIELD, True)


@pytest.mark.parametrize("name", [name for name in FIELD if name not in REQUIRED])
def test_an_optional_field_may_be_null(name: str) -> None:
    """Null says as much as leaving it out."""
    assert decode(with_text(json.dumps({name: None})[1:-1].encode())) == decode(encoded())


def test_the_bounds_themselves_are_allowed() -> None:
    """The longest text, the most attributes, the largest integers and the largest value are events."""
    assert decode(encoded(actor_name="é" * TEXT_LENGTH_MAX)).actor_name == "é" * TEXT_LENGTH_MAX
    attributes = {str(n): n for n in range(ATTRIBUTES_MAX)}
    assert decode(encoded(attributes=attributes)).attributes == attributes
    integers = {"low": -(2**63), "high": 2**63 - 1}
    assert decode(encoded(attributes=integers)).attributes == integers
    value = encoded()
    assert decode(value + b" " * (EVENT_BYTES_MAX - len(value))).action == "project:read"


@pytest.mark.parametrize("name", ["changes", "later"])
def test_depth_is_bounded_and_not_by_the_stack(name: str) -> None:
    """As deep as an emitter may nest, wherever the decoder is called from; brackets inside texts are none."""

    def nested(depth: int) -> bytes:
        inner = b'{"a":' * (depth - 2) + b'"]}{[\\"' + b"[" * 40 + b'"' + b"}" * (depth - 2)
        return with_text(b'"%s":{"b":%s}' % (name.encode(), inner))

    def from_below(value: bytes, frames: int) -> RawEvent:
        return from_below(value, frames - 1) if frames else decode(value)

    assert decode(nested(DEPTH_MAX)) == from_below(nested(DEPTH_MAX), 700)
    assert decode_many([nested(DEPTH_MAX)] * 3) is not None or name == "later"
    for depth in (DEPTH_MAX + 1, 300, 600, 5000):
        assert (rejection_of(nested(depth)).reason, rejection_of(nested(depth)).detail) == (
            Reason.MALFORMED,
            "nested too deeply",
        )
        assert decode_many([encoded(), nested(depth)]) is None
        assert org_of(nested(depth)) == ""


def test_of_equal_keys_the_last_counts() -> None:
    """As with every other reader of JSON, also beside an unknown field."""
    assert decode(with_text(b'"action":"a:b","action":"c:d"')).action == "c:d"
    assert decode(with_text(b'"action":"a:b","later":1,"action":"c:d"')).action == "c:d"


def test_an_escaped_backslash_makes_no_nul() -> None:
    r"""The six characters `\u0000` are text like any other when the backslash itself was escaped."""
    assert decode(encoded(actor_name=r"a\u0000")).actor_name == r"a\u0000"


def test_unknown_fields_become_attributes() -> None:
    """A newer emitter loses nothing: scalars stay scalars, the rest keeps its JSON text."""
    value = with_text(
        b'"attributes":{"kept":1},"s":"text","i":7,"f":1.5,"b":true,"n":null,"o":{"a": [1]},'
        b'"big":18446744073709551616,"huge":1e400'
    )
    assert decode(value).attributes == {
        "kept": 1,
        "extra.s": "text",
        "extra.i": 7,
        "extra.f": 1.5,
        "extra.b": True,
        "extra.n": None,
        "extra.o": '{"a": [1]}',
        "extra.big": "18446744073709551616",
        "extra.huge": "1e400",
    }


def test_unknown_fields_count_as_attributes() -> None:
    """The limit of attributes holds for both together."""
    attributes = {str(n): n for n in range(ATTRIBUTES_MAX)}
    rejection = rejection_of(encoded(attributes=attributes, later=1))
    assert rejection.reason == Reason.INVALID_FIELD


def test_the_name_of_an_unknown_field_is_bounded() -> None:
    """An attribute's name has at most 128 characters; a longer one is refused, for half an e-mail would look like none."""
    fits = "x" * (128 - len("extra."))
    assert decode(encoded(**{fits: 1})).attributes == {f"extra.{fits}": 1}
    with pytest.raises(Rejection) as refused:
        decode(encoded(**{fits + "x": 1}))
    assert refused.value.reason is Reason.INVALID_FIELD


@pytest.mark.parametrize("name", ["`$.later", "$.later", "it's", "unknown field `x`", ""])
def test_an_unknown_field_may_have_any_name(name: str) -> None:
    """Not even a name that looks like the decoder's own words confuses it."""
    assert decode(encoded(**{name: 1})).attributes == {f"extra.{name}": 1}


def test_a_detail_never_holds_a_value() -> None:
    """A rejection's detail is read by more people than events are."""
    canary = "carla.canary@example.com"
    details = [
        rejection_of(value).detail
        for value in (
            encoded(occurred_at=canary),
            encoded(actor_name=[canary]),
            encoded(attributes={canary: []}),
            encoded(changes=canary),
            encoded(org_id={canary: canary}),
            encoded(**{canary: 1, "org_id": 1}),
            encoded(**{canary: "x" * 5000}),
            encoded(**{f"`$.{canary}": [], "action": 4}),
            canary.encode(),
            f'"{canary}"'.encode(),
            f'{{"{canary}'.encode(),
        )
    ]
    assert [detail for detail in details if "canary" in detail] == []
    assert all(details)


def test_a_bundle_is_decoded_in_one_go() -> None:
    """Good values give the events that `decode` gives, in order."""
    values = [encoded(action=f"a:{n}", attributes={"n": n}) for n in range(50)]
    assert decode_many(values) == [decode(value) for value in values]


@pytest.mark.parametrize("name", [b'"changes"', b'"ch\\u0061nges"'])
def test_what_nests_too_deeply_does_so_among_neighbours(name: bytes) -> None:
    """Also where it is given twice and the last one says nothing, and where its name is spelled with escapes."""
    deep = b"[" * 32 + b"]" * 32
    event = b'{"event_id":"01920f0e-7c5a-7b3e-8f43-0123456789ab","occurred_at":"2026-02-27T07:41:20.2Z","org_id":"a","action":"a"'
    value = event + b"," + name + b':{"":' + deep + b'},"changes":null}'
    with pytest.raises(Rejection, match="nested too deeply"):
        decode(value)
    assert decode_many([event + b"}", value]) is None
    assert (
        decode_many([event + b"}", event + b',"changes":null}', event + b',"changes":{"a":1}}']) is not None
    )


@pytest.mark.parametrize(
    "values",
    [
        [encoded(action="a:a") + encoded(action="b:b"), b" "],
        [b"\t", encoded(action="a:a") + encoded(action="b:b")],
        [encoded(action="a:a") + b"\r" + encoded(action="b:b"), b"\r"],
        [encoded(action="a:a") + b" " + encoded(action="b:b"), b""],
        [encoded(action="a:a") + b"\n" + encoded(action="b:b"), None],
        [encoded()[:-1], b"}", encoded(action="a:a") + encoded(action="b:b")],
        [with_text(b'"changes":{}')[:-1], b"}", encoded(action="a:a") + encoded(action="b:b")],
        [encoded()[:-1] + b',"changes":', b"{}}", encoded(action="a:a") + encoded(action="b:b")],
        [encoded() + b"\n", b"", encoded()],
        [encoded(action="a:a") + encoded(action="b:b"), encoded()],
        [encoded(action="a:a") + b"\n" + encoded(action="b:b"), encoded()],
        [encoded()[:40], encoded()[40:]],
        [with_text(b'"changes":{"a":"}'), b'{"}}', encoded() + encoded()],
    ],
)
def test_no_value_shifts_its_neighbours(values: list[bytes | None]) -> None:
    """Two documents in one record and none in another must not pass for one in each."""
    assert decode_many(values) is None


def test_a_value_over_several_lines_is_an_event() -> None:
    """Indented JSON is decoded by itself; a bundle with it goes the slow way."""
    value = json.dumps(json.loads(encoded()), indent=2).encode()
    assert decode(value) == decode(encoded())
    assert decode_many([value, encoded()]) in (None, [decode(value), decode(encoded())])


@pytest.mark.parametrize(
    "bad",
    [
        None,
        b"",
        b"{}",
        b"x",
        encoded(later=1),
        with_text(b'"source":"\\u0000"'),
        with_text(b'"changes":{"a":"\xff"}'),
        b"[" * DEEP,
    ],
)
def test_one_bad_value_sends_the_bundle_the_slow_way(bad: bytes | None) -> None:
    """Then each is decoded by itself, so that only the bad one suffers."""
    assert decode_many([encoded(), bad, encoded()]) is None


def test_a_large_value_sends_the_bundle_the_slow_way() -> None:
    """Size is checked for each value, also where the bundle is decoded in one go."""
    large = encoded(attributes={str(n): "x" * 4000 for n in range(70)})
    assert len(large) > EVENT_BYTES_MAX
    assert decode_many([large]) is None
    assert len(decode_many([encoded(attributes={"a": "x" * 4000})] * 70) or []) == 70


def test_the_organisation_of_a_bad_record_is_read_where_it_can_be() -> None:
    """A rejection is shown to the organisation it belongs to, if any can be read."""
    assert org_of(encoded(action=5)) == "acme"
    for value in (None, b"", b"{", b"[" * DEEP, b"\xff", encoded(org_id=5), b"{}"):
        assert org_of(value) == ""
