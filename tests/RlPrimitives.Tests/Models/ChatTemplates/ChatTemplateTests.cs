using System.Text.Json.Nodes;
using RlPrimitives.Models.ChatTemplates;

namespace RlPrimitives.Tests.Models;

public class ChatTemplateTests
{
    [Theory]
    [InlineData("{{ 1 + 2 * 3 }} {{ 7 // 2 }} {{ -7 % 3 }} {{ 1 / 2 }} {{ 2 ** 3 }}", "7 3 2 0.5 8")]
    [InlineData("{{ 'a' ~ 1 ~ none ~ true }}", "a1NoneTrue")]
    [InlineData("{{ 1 < 2 < 3 }} {{ 'b' in 'abc' }} {{ 2 not in [1] }} {{ not 1 }}", "True True True False")]
    [InlineData("{{ 'x' if false else 'y' }}{{ 'z' if false }}", "y")]
    [InlineData("{{ 0 or 'a' }}{{ '' and 'b' }}{{ [1][0] and 'c' }}", "ac")]
    [InlineData("{{ [1, 'a', 1.5, none, {'k': [true]}] }}", "[1, 'a', 1.5, None, {'k': [True]}]")]
    [InlineData("{{ 'abcdef'[1:3] }}{{ 'abc'[::-1] }}{{ 'abc'[-1] }}{{ [1, 2, 3][:-1] }}", "bccbac[1, 2]")]
    [InlineData("{{ ' a '.strip() }}|{{ 'a,b'.split(',') | join('+') }}|{{ 'ab'.startswith('a') }}|{{ 'Ab'.lower() }}", "a|a+b|True|ab")]
    [InlineData("{{ {'a': 1}.items() | list }}{{ {'a': 1}.get('b', 2) }}{{ {'a': 1}.a }}{{ {'a': 1}['a'] }}", "[['a', 1]]211")]
    [InlineData("{% for x in [1, 2, 3] if x != 2 %}{{ loop.index }}:{{ x }}{{ ',' if not loop.last }}{% else %}none{% endfor %}", "1:1,2:3")]
    [InlineData("{% for x in [] %}x{% else %}none{% endfor %}", "none")]
    [InlineData("{% for k, v in {'a': 1, 'b': 2}.items() %}{{ k }}{{ v }}{% endfor %}", "a1b2")]
    [InlineData("{% for x in [1, 2, 3] %}{% if x == 2 %}{% continue %}{% endif %}{% if x == 3 %}{% break %}{% endif %}{{ x }}{% endfor %}", "1")]
    [InlineData("{% set x = 1 %}{% for i in [1] %}{% set x = 2 %}{% endfor %}{{ x }}", "1")] // a loop's names end with it
    [InlineData("{% set n = namespace(x=1) %}{% for i in [1] %}{% set n.x = 2 %}{% endfor %}{{ n.x }}", "2")]
    [InlineData("{% set x %}a{{ 1 }}{% endset %}{{ x }}", "a1")]
    [InlineData("{% macro f(a, b='d') %}{{ a }}{{ b }}{% endmacro %}{{ f(1) }}{{ f(2, b=3) }}", "1d23")]
    [InlineData("{% if a is defined %}a{% elif 1 is odd and none is none %}b{% else %}c{% endif %}", "b")]
    [InlineData("{{ a }}{{ a | default('x') }}{{ '' | default('y', true) }}", "xy")]
    [InlineData("{{ [{'n': 'a', 'v': 1}, {'n': 'b'}] | selectattr('v', 'defined') | map(attribute='n') | list }}", "['a']")]
    [InlineData("{{ [3, 1, 2] | sort | join }}{{ 'abc' | length }}{{ [1, 1] | unique | list }}{{ 'a b' | title }}", "1233[1]A B")]
    [InlineData("{{ {'b': 'ü<&\"', 'a': [1, 1.0, null_]} | tojson }}", "{\"b\": \"ü<&\\\"\", \"a\": [1, 1.0, null]}")]
    [InlineData("{{ [1] | tojson(indent=2) }}", "[\n  1\n]")]
    [InlineData("{{ range(3) | list }}{{ range(5, 1, -2) | list }}", "[0, 1, 2][5, 3]")]
    [InlineData("a {# comment #} b{#- c -#} d", "a  bd")]
    [InlineData("{% raw %}{{ x }}{% endraw %}", "{{ x }}")]
    [InlineData("{{ \"it's\\n\" }}", "it's\n")]
    [InlineData("{{ '%s of %d' % ('a', 2) }}", "a of 2")]
    [InlineData("{% generation %}x{% endgeneration %}", "x")]
    [InlineData("{{ 'a' is string }}{{ 1 is number }}{{ {} is mapping }}{{ 4 is divisibleby 2 }}{{ 1 is not none }}", "TrueTrueTrueTrueTrue")]
    [InlineData("{{ -3 | abs }}{{ '5' | int + 1 }}{{ 1e }}", null)]
    public void The_part_of_jinja_that_templates_use_means_what_it_means_there(string template, string? expected)
    {
        if (expected is null)
        {
            Assert.Throws<ChatTemplateException>(() => Render(template));
            return;
        }

        Assert.Equal(expected, Render(template, ("null_", null)));
    }

    [Fact]
    public void Lines_of_blocks_leave_no_white_space()
    {
        Assert.Equal("a\nb\n", Render("{% if true %}\na\n    {% endif %}\nb\n    {# gone #}\n"));
        Assert.Equal("ab", Render("a \n {%- if true -%} \n b {%- endif %}"));
        Assert.Equal("a  b", Render("a {% if true %} b{% endif %}"));
        Assert.Equal("x\n", Render("{{ 'x' }}\n\n")); // one line break at the end is the file's own
    }

    [Theory]
    [InlineData("{{ raise_exception('no system') }}", "no system")]
    [InlineData("{{ a.b }}", "'a', which is undefined")]
    [InlineData("{{ 'a' + 1 }}", "a text + a number")]
    [InlineData("{{ a() }}", "calls 'a', which is undefined")]
    [InlineData("{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}", "steps")]
    [InlineData("{{ range(1000000) }}", "more than 100000")]
    [InlineData("{{ 'abcdefgh' * 100000000 }}", "too often")]
    [InlineData("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "deeper than")]
    [InlineData("{% set x = 'aaaaaaaaaaaaaaaaaaaa' * 1000 %}{% for i in range(99999) %}{{ x }}{% endfor %}", "characters")]
    [InlineData("{{ messages.append(1) }}", "calls 'append'")]
    [InlineData("{{ ''.__class__ }}{{ ''.__class__.__mro__ }}", "'__class__', which is undefined")]
    [InlineData("{{ 9223372036854775807 + 1 }}", "overflow")]
    [InlineData("{{ strftime_now('%Q') }}", "%Q")]
    public void A_template_that_asks_too_much_is_ended_with_why(string template, string says) =>
        Assert.Contains(says, Assert.Throws<ChatTemplateException>(() => Render(template)).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData("{{ 1", "line 1")]
    [InlineData("\n{% if %}", "line 2")]
    [InlineData("{% if true %}", "'{% endif %}' is missing")]
    [InlineData("{% endfor %}", "'endfor' closes nothing")]
    [InlineData("{% include 'x' %}", "'{% include %}' is not supported")]
    [InlineData("{{ x | frobnicate }}", "the filter 'frobnicate' is not supported")]
    [InlineData("{{ x is frob }}", "the test 'frob' is not supported")]
    [InlineData("{{ 'x }}", "a string is not closed")]
    [InlineData("{# x", "not closed by '#}'")]
    [InlineData("{{ ? }}", "'?' is not expected")]
    public void What_is_no_template_is_named_by_line(string template, string says) =>
        Assert.Contains(says, Assert.Throws<ChatTemplateException>(() => ChatTemplate.Parse(template)).Message, StringComparison.Ordinal);

    [Fact]
    public void Nesting_is_limited_when_read()
    {
        var deep = new string('(', 5000) + "1" + new string(')', 5000);
        Assert.Contains("nested deeper", Assert.Throws<ChatTemplateException>(() => ChatTemplate.Parse($"{{{{ {deep} }}}}")).Message, StringComparison.Ordinal);
        var blocks = string.Concat(Enumerable.Repeat("{% if 1 %}", 5000));
        Assert.Contains("nested deeper", Assert.Throws<ChatTemplateException>(() => ChatTemplate.Parse(blocks)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_date_comes_from_the_clock_that_is_given()
    {
        var template = ChatTemplate.Parse("{{ strftime_now('%d %b %Y %j') }}");
        Assert.Matches("^[0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9]{3}$", template.Render([]));
    }

    private static string Render(string template, params (string Name, JsonNode? Value)[] variables) =>
        ChatTemplate.Parse(template).Render([], null, false, variables.ToDictionary(v => v.Name, v => v.Value));
}
