"""What the checker finds against a contract, and where."""

from __future__ import annotations

from typing import Any

import pytest

from policy.rules.cel import (
    Checked,
    CheckProblems,
    EvaluationProblem,
    Problem,
    ast,
    check,
    interpret,
    parse,
    schema,
    types,
)

CONTRACT: dict[str, Any] = {
    "type": "object",
    "required": ["credit_score", "dti", "purpose"],
    "properties": {
        "credit_score": {"type": "integer", "minimum": 300, "maximum": 850},
        "dti": {"type": "number", "minimum": 0},
        "rate": {"type": "number", "exclusiveMaximum": 1},
        "purpose": {"type": "string", "enum": ["car", "home", "study"]},
        "coupon": {"type": ["string", "null"]},
        "submitted_at": {"type": "string", "format": "date-time"},
        "is_employee": {"type": "boolean"},
        "applicant": {
            "type": "object",
            "required": ["age"],
            "properties": {"age": {"type": "integer", "minimum": 18}, "tier": {"enum": ["gold", "basic"]}},
        },
        "documents": {"type": "array", "items": {"type": "string"}},
        "scores": {"type": "object", "additionalProperties": {"type": "number"}},
        "parent": {"$ref": "#/$defs/person"},
        "anything": {},
    },
    "$defs": {
        "person": {
            "type": "object",
            "properties": {"name": {"type": "string"}, "parent": {"$ref": "#/$defs/person"}},
        }
    },
}
ENVIRONMENT = schema.environment(CONTRACT, root="input")


def checked(source: str) -> Checked:
    return check(parse(source), ENVIRONMENT, source=source)


def problems(source: str, expected: types.Type | None = None) -> list[Problem]:
    with pytest.raises(CheckProblems) as caught:
        check(parse(source), ENVIRONMENT, source=source, expected=expected)
    return caught.value.problems


class TestAccepted:
    @pytest.mark.parametrize(
        ("source", "found"),
        [
            ("credit_score < 550", types.BOOL),
            ("dti > 0 && dti * 2 <= 1", types.BOOL),
            ("dti / 2", types.DOUBLE),
            ("(dti + 1) * (2 - 1)", types.DOUBLE),
            ("is_employee ? dti : 1", types.DOUBLE),
            ("credit_score < 550.5", types.BOOL),
            ("credit_score > dti", types.BOOL),
            ("purpose in ['car', 'home']", types.BOOL),
            ("coupon == null || coupon.startsWith('A')", types.BOOL),
            ("submitted_at > timestamp('2024-01-01T00:00:00Z')", types.BOOL),
            ("submitted_at.getFullYear('Asia/Seoul')", types.INT),
            ("applicant.age >= 21", types.BOOL),
            ("has(input.coupon) && input.coupon != ''", types.BOOL),
            ("documents.exists(d, d.endsWith('.pdf'))", types.BOOL),
            ("documents.map(d, d.size())", types.ListType(types.INT)),
            ("documents.filter(d, d != '')", types.ListType(types.STRING)),
            ("scores.fico > 3", types.BOOL),
            ("scores.transformMap(k, v, v * 2)", types.MapType(types.STRING, types.DOUBLE)),
            ("parent.parent.name", types.DYN),
            ("anything.whatever > 3", types.BOOL),
            ("math.greatest(credit_score, 600)", types.INT),
            ("cel.bind(x, dti, x * 3)", types.DOUBLE),
            ("input.?coupon.orValue('none')", types.STRING),
        ],
    )
    def test_has_its_type(self, source: str, found: types.Type) -> None:
        assert checked(source).type == found

    def test_makes_a_whole_number_beside_a_double_a_double(self) -> None:
        found = checked("dti * 2 + 1")
        assert interpret(found.node, ENVIRONMENT.bind({"dti": 1})) == 3.0
        assert isinstance(interpret(found.node, ENVIRONMENT.bind({"dti": 1})), float)

    def test_resolves_a_function_of_a_namespace_to_one_call(self) -> None:
        found = checked("math.abs(credit_score)")
        assert found.node == ast.Call("math.abs", (ast.Ident("credit_score"),))

    def test_says_what_is_read_and_whether_it_is_always_there(self) -> None:
        found = {
            (reference.path, reference.is_required, reference.is_tested)
            for reference in checked("applicant.age > 20 && has(input.coupon)").references
        }
        assert found == {
            ("applicant", False, False),
            ("applicant.age", True, False),
            ("input", True, False),
            ("input.coupon", False, True),
        }

    def test_types_every_node_of_its_tree(self) -> None:
        found = checked("dti > 1 && documents.all(d, d != '') || credit_score in [500, 600]")
        assert all(id(node) in found.types for node in ast.walk(found.node))


class TestRefused:
    @pytest.mark.parametrize(
        ("source", "code", "column", "words"),
        [
            ("credit_scor < 550", "unknown_name", 1, "did you mean 'credit_score'?"),
            ("applicant.agee > 3", "unknown_field", 10, "did you mean 'age'?"),
            ("has(input.nothing)", "unknown_field", 10, "unknown field 'nothing'"),
            ("input['nothing'] == 1", "unknown_field", 7, "unknown field 'nothing'"),
            ("purpose < 3", "no_overload", 9, "purpose is string and 3 is int"),
            ("purpose == 3", "no_overload", 9, "string == int"),
            ("submitted_at > '2024-01-01'", "no_overload", 14, "write timestamp("),
            ("credit_score + dti", "no_overload", 14, "write double("),
            ("credit_score % 1.5", "no_overload", 14, "there is no '%'"),
            ("!credit_score", "wrong_type", 2, "takes bool"),
            ("is_employee && credit_score", "wrong_type", 16, "credit_score is int"),
            ("is_employee ? 1 : 'a'", "wrong_type", 13, "must have one type"),
            ("credit_score.age", "wrong_type", 13, "has no field"),
            ("documents['a']", "wrong_type", 11, "no index"),
            ("credit_score.all(x, true)", "wrong_type", 14, "goes over a list or a map"),
            ("documents.filter(d, d)", "wrong_type", 21, "takes bool"),
            ("purpose.matchs('a')", "unknown_function", 9, "did you mean 'matches'?"),
            ("purpose.charAt('a')", "no_overload", 9, "string.charAt(string)"),
            ("Lead{name: 'a'}", "unknown_type", 1, "Lead"),
            ("purpose in 3", "no_overload", 9, "'in' takes a list or a map"),
        ],
    )
    def test_has_a_code_a_place_and_words(self, source: str, code: str, column: int, words: str) -> None:
        (problem,) = problems(source)
        assert (problem.code, problem.line, problem.column) == (code, 1, column)
        assert words in problem.message

    @pytest.mark.parametrize(
        ("source", "column"),
        [
            ("credit_score < 300", 14),
            ("credit_score <= 299", 14),
            ("credit_score > 850", 14),
            ("900 < credit_score", 5),
            ("credit_score == 900", 14),
            ("dti < 0", 5),
            ("rate >= 1", 6),
            ("rate == 1.0", 6),
            ("purpose == 'boat'", 9),
            ("'boat' == purpose", 8),
            ("purpose in ['car', 'boat']", 20),
            ("applicant.age < 18", 15),
            ("input.applicant.tier == 'silver'", 22),
            ("credit_score in [100, 600]", 18),
        ],
    )
    def test_names_a_comparison_that_can_never_hold(self, source: str, column: int) -> None:
        (problem,) = problems(source)
        assert (problem.code, problem.column) == ("never_holds", column)

    @pytest.mark.parametrize(
        "source",
        [
            "credit_score <= 300",
            "credit_score >= 850",
            "credit_score == 850",
            "dti <= 0",
            "rate < 1",
            "purpose != 'boat'",
        ],
    )
    def test_leaves_a_comparison_at_the_bound_alone(self, source: str) -> None:
        assert checked(source).type == types.BOOL

    def test_finds_everything_at_once_in_order_of_place(self) -> None:
        found = problems("nothing > 1\n  && purpose == 'boat'\n  && applicant.x == 2")
        assert [(problem.line, problem.column, problem.code) for problem in found] == [
            (1, 1, "unknown_name"),
            (2, 14, "never_holds"),
            (3, 15, "unknown_field"),
        ]

    def test_reports_a_mistake_once_and_not_its_consequences(self) -> None:
        assert len(problems("nothing.at.all + 3 > 'a'.size() * nothing2.x")) == 2

    def test_stops_looking_when_everything_is_wrong(self) -> None:
        assert len(problems(" || ".join(f"unknown_{number}" for number in range(1_000)))) == 50

    def test_requires_the_expected_type_of_the_whole(self) -> None:
        (problem,) = problems("credit_score + 1", expected=types.BOOL)
        assert problem.message == "the expression is int, but must be bool"


class TestSchema:
    def test_reads_the_types_of_a_contract(self) -> None:
        variables = ENVIRONMENT.variables
        assert variables["credit_score"] == types.INT
        assert variables["dti"] == types.DOUBLE
        assert variables["submitted_at"] == types.TIMESTAMP
        assert variables["coupon"] == types.STRING
        assert variables["documents"] == types.ListType(types.STRING)
        assert variables["scores"] == types.MapType(types.STRING, types.DOUBLE)
        assert variables["anything"] == types.DYN

    def test_knows_what_is_required_and_what_may_be_null(self) -> None:
        assert ENVIRONMENT.is_required("credit_score")
        assert not ENVIRONMENT.is_required("coupon")
        assert ENVIRONMENT.fields["coupon"].is_nullable

    def test_leaves_an_unknown_reference_open(self) -> None:
        found = schema.environment({"properties": {"a": {"$ref": "#/nowhere"}, "b": {"$ref": "http://x/y"}}})
        assert found.variables == {"a": types.DYN, "b": types.DYN}

    def test_binds_json_to_the_declared_types(self) -> None:
        bound = ENVIRONMENT.bind(
            {"dti": 1, "credit_score": 700.0, "submitted_at": "2024-05-01T00:00:00Z", "scores": {"a": 2}}
        )
        assert isinstance(bound["dti"], float)
        assert isinstance(bound["credit_score"], int)
        assert isinstance(bound["scores"]["a"], float)
        assert interpret(parse("submitted_at.getMonth()"), bound) == 4

    def test_refuses_data_that_is_nested_without_end(self) -> None:
        deep: Any = []
        for _ in range(5_000):
            deep = [deep]
        with pytest.raises(EvaluationProblem, match="too deeply"):
            ENVIRONMENT.bind({"anything": deep})

    @pytest.mark.parametrize("text", ["yesterday", "2024-02-30T00:00:00Z", "2024-01-01"])
    def test_refuses_a_date_time_that_is_none(self, text: str) -> None:
        with pytest.raises(EvaluationProblem, match="not a timestamp"):
            ENVIRONMENT.bind({"submitted_at": text})
