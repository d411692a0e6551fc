using System.ComponentModel;
using Microsoft.Extensions.AI;

namespace RlPrimitives.Environments;

/// <summary>
/// Exact arithmetic on an expression; a parser of its own and no code execution, because the text is the model's and a model tries everything. Numbers (also 1.5e-7), + − * / // % ^ (also
/// × ÷ · **), parentheses, a comparison (= == != &lt; &lt;= &gt; &gt;=), and sqrt, abs, floor, ceil, round, min, max. Fractions are exact until they are written.
/// </summary>
public static class Calculator
{
    /// <summary>Most characters of an expression.</summary>
    public const int MaxLength = 1000;

    /// <summary>Most parentheses, signs and powers within one another.</summary>
    public const int MaxDepth = 50;

    /// <summary>The value of an expression: "36", "0.333333333333333" (15 digits), "true" or "false" for a comparison.</summary>
    /// <param name="expression">Such as "12*3" or "(27+58)/5 = 17".</param>
    /// <exception cref="FormatException">It cannot be computed; the message is written for whoever wrote it, and comes at once whatever the expression.</exception>
    [Description("Computes an arithmetic expression exactly, such as (27+58)*3, or checks one, such as 12*3=36.")]
    public static string Evaluate([Description("The expression.")] string expression)
    {
        ArgumentNullException.ThrowIfNull(expression);
        return expression.Length <= MaxLength ? new Expression(expression).Value()
            : throw new FormatException(FormattableString.Invariant($"the expression has {expression.Length} characters; at most {MaxLength} are read"));
    }

    /// <summary>The calculator as a tool.</summary>
    /// <param name="name">What the model writes to call it.</param>
    public static AIFunction Tool(string name = "calc") => AIFunctionFactory.Create(Evaluate, name);

    /// <summary>The value of an arithmetic expression without comparison, and the numerals in it in order; null where it is none.</summary>
    internal static (Rational Value, string[] Numerals)? Read(string expression)
    {
        if (expression.Length > MaxLength)
        {
            return null;
        }

        try
        {
            var read = new Expression(expression);
            return (read.Number(), [.. read.Numerals]);
        }
        catch (FormatException)
        {
            return null; // as documented: not an expression
        }
    }

    private sealed class Expression(string text)
    {
        private static readonly string[] Comparisons = ["==", "!=", "<=", ">=", "=", "<", ">"];
        private int at;
        private int depth;

        public List<string> Numerals { get; } = [];

        public string Value()
        {
            var left = Sum();
            if (Comparisons.FirstOrDefault(Take) is { } comparison)
            {
                var order = left.CompareTo(Sum());
                End();
                var holds = comparison switch
                {
                    "<" => order < 0,
                    "<=" => order <= 0,
                    ">" => order > 0,
                    ">=" => order >= 0,
                    "!=" => order != 0,
                    _ => order == 0,
                };
                return holds ? "true" : "false";
            }

            End();
            return left.ToString();
        }

        public Rational Number()
        {
            var value = Sum();
            End();
            return value;
        }

        private Rational Sum()
        {
            var value = Product();
            while (true)
            {
                if (Take("+"))
                {
                    value += Product();
                }
                else if (Take("-") || Take("\u2212"))
                {
                    value -= Product();
                }
                else
                {
                    return value;
                }
            }
        }

        private Rational Product()
        {
            var value = Signed();
            while (true)
            {
                if (Take("//"))
                {
                    value = (value / Signed()).Floor();
                }
                else if (Take("/") || Take("÷"))
                {
                    value /= Signed();
                }
                else if (Take("%"))
                {
                    var divisor = Signed();
                    value -= divisor * (value / divisor).Floor();
                }
                else if (!Ahead("**") && (Take("*") || Take("×") || Take("·")))
                {
                    value *= Signed();
                }
                else
                {
                    return value;
                }
            }
        }

        private Rational Signed()
        {
            if (Take("-") || Take("\u2212"))
            {
                return -Deeper(Signed);
            }

            return Take("+") ? Deeper(Signed) : Power();
        }

        private Rational Power()
        {
            var value = Atom();
            return Take("^") || Take("**") ? value.Power(Deeper(Signed)) : value; // right-associative, above a sign: −2^2 = −4
        }

        private Rational Atom()
        {
            if (Take("("))
            {
                var value = Deeper(Sum);
                Expect(")");
                return value;
            }

            Skip();
            var start = at;
            while (at < text.Length && (char.IsAsciiDigit(text[at]) || text[at] == '.'))
            {
                at++;
            }

            if (at > start)
            {
                var decimals = text[start..at];
                var numeral = decimals + Exponent();
                if (decimals.Count(c => c == '.') > 1 || decimals == ".")
                {
                    throw new FormatException($"'{numeral}' is not a number");
                }

                Numerals.Add(numeral);
                return Rational.FromText(numeral);
            }

            while (at < text.Length && char.IsAsciiLetter(text[at]))
            {
                at++;
            }

            return at > start ? Call(text[start..at]) : throw Unexpected();
        }

        // As results are written: 1.23e-7. A letter that no digit follows is something else.
        private string Exponent()
        {
            var end = at;
            if (end < text.Length && text[end] is 'e' or 'E')
            {
                end += end + 1 < text.Length && text[end + 1] is '+' or '-' ? 2 : 1;
                var digits = end;
                while (end < text.Length && char.IsAsciiDigit(text[end]))
                {
                    end++;
                }

                end = end > digits ? end : at;
            }

            var exponent = text[at..end];
            at = end;
            return exponent;
        }

        private Rational Call(string name)
        {
            Expect("(");
            var arguments = new List<Rational> { Deeper(Sum) };
            while (Take(","))
            {
                arguments.Add(Deeper(Sum));
            }

            Expect(")");
            if (name is "min" or "max")
            {
                return arguments.Aggregate((a, b) => a.CompareTo(b) < 0 == (name == "min") ? a : b);
            }

            if (arguments.Count > 1)
            {
                throw new FormatException($"{name} takes one argument");
            }

            var x = arguments[0];
            return name switch
            {
                "sqrt" => x.SquareRoot(),
                "abs" => x.Numerator.Sign < 0 ? -x : x,
                "floor" => x.Floor(),
                "ceil" => -(-x).Floor(),
                "round" => (x + Rational.Of(1, 2)).Floor(), // half up
                _ => throw new FormatException($"there is no function '{name}'; there are sqrt, abs, floor, ceil, round, min, max"),
            };
        }

        private Rational Deeper(Func<Rational> read)
        {
            if (++depth > MaxDepth)
            {
                throw new FormatException(FormattableString.Invariant($"the expression is nested deeper than {MaxDepth}"));
            }

            var value = read();
            depth--;
            return value;
        }

        private void Expect(string token)
        {
            if (!Take(token))
            {
                throw at >= text.Length ? new FormatException($"the expression ends where '{token}' is missing") : Unexpected();
            }
        }

        private void End()
        {
            Skip();
            if (at < text.Length)
            {
                throw Unexpected();
            }
        }

        private FormatException Unexpected()
        {
            Skip();
            return at >= text.Length ? new FormatException("the expression ends too early")
                : new FormatException(FormattableString.Invariant($"'{(char.IsHighSurrogate(text[at]) && at + 1 < text.Length ? text[at..(at + 2)] : text[at..(at + 1)])}' at {at + 1} is not expected"));
        }

        private bool Ahead(string token)
        {
            Skip();
            return text.AsSpan(at).StartsWith(token, StringComparison.Ordinal);
        }

        private bool Take(string token)
        {
            var isThere = Ahead(token);
            at += isThere ? token.Length : 0;
            return isThere;
        }

        private void Skip()
        {
            while (at < text.Length && char.IsWhiteSpace(text[at]))
            {
                at++;
            }
        }
    }
}
