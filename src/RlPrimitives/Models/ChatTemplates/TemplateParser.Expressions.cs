using System.Globalization;

namespace RlPrimitives.Models.ChatTemplates;

// Expressions, from the loosest binding to the tightest.
internal sealed partial class TemplateParser
{
    private IExpression TupleOrExpression()
    {
        var first = Expression();
        if (!IsOperator(","))
        {
            return first;
        }

        var items = new List<IExpression> { first };
        while (TakeOperator(","))
        {
            items.Add(Expression());
        }

        return new ListOf([.. items]);
    }

    private IExpression Expression()
    {
        Enter();
        var value = Either();
        while (TakeName("if"))
        {
            var condition = Either();
            value = new Conditional(value, condition, TakeName("else") ? Expression() : null);
        }

        depth--;
        return value;
    }

    private IExpression Either()
    {
        var value = Both();
        while (TakeName("or"))
        {
            value = new Either(value, Both());
        }

        return value;
    }

    private IExpression Both()
    {
        var value = Negation();
        while (TakeName("and"))
        {
            value = new Both(value, Negation());
        }

        return value;
    }

    private IExpression Negation()
    {
        if (!TakeName("not"))
        {
            return Compared();
        }

        Enter();
        var value = new Not(Negation());
        depth--;
        return value;
    }

    private IExpression Compared()
    {
        var first = Sum();
        var rest = new List<(string, IExpression)>();
        while (true)
        {
            if (Next is { Kind: TokenKind.Operator, Text: "==" or "!=" or "<" or "<=" or ">" or ">=" })
            {
                rest.Add((tokens[at++].Text, Sum()));
            }
            else if (TakeName("in"))
            {
                rest.Add(("in", Sum()));
            }
            else if (IsName("not") && tokens[at + 1] is { Kind: TokenKind.Name, Text: "in" })
            {
                at += 2;
                rest.Add(("not in", Sum()));
            }
            else
            {
                return rest.Count == 0 ? first : new Comparison(first, [.. rest]);
            }
        }
    }

    private IExpression Sum()
    {
        var value = Concatenation();
        while (Next is { Kind: TokenKind.Operator, Text: "+" or "-" })
        {
            value = new Operation(tokens[at++].Text, value, Concatenation());
        }

        return value;
    }

    private IExpression Concatenation()
    {
        var value = Product();
        while (TakeOperator("~"))
        {
            value = new Operation("~", value, Product());
        }

        return value;
    }

    private IExpression Product()
    {
        var value = Signed();
        while (Next is { Kind: TokenKind.Operator, Text: "*" or "/" or "//" or "%" })
        {
            value = new Operation(tokens[at++].Text, value, Signed());
        }

        return value;
    }

    private IExpression Signed()
    {
        if (!IsOperator("-") && !IsOperator("+"))
        {
            var value = Filtered(Tested(Suffixed(Atom())));
            return TakeOperator("**") ? new Operation("**", value, Signed()) : value;
        }

        Enter();
        var isNegative = tokens[at++].Text == "-";
        var operand = Signed();
        depth--;
        return isNegative ? new Negative(operand) : operand;
    }

    private IExpression Filtered(IExpression value)
    {
        while (TakeOperator("|"))
        {
            var name = ExpectName();
            if (!TemplateFilters.Names.Contains(name))
            {
                throw Error($"the filter '{name}' is not supported");
            }

            value = Tested(Suffixed(new Filter(value, name, TakeOperator("(") ? Given() : Arguments.None)));
        }

        return value;
    }

    private IExpression Tested(IExpression value)
    {
        while (TakeName("is"))
        {
            var isNegated = TakeName("not");
            var name = ExpectName();
            if (!TemplateTests.Names.Contains(name))
            {
                throw Error($"the test '{name}' is not supported");
            }

            // "is divisibleby 3" as well as "is divisibleby(3)".
            var given = TakeOperator("(") ? Given()
                : Next.Kind is TokenKind.String or TokenKind.Integer || (Next.Kind == TokenKind.Name && Next.Text is not ("and" or "or" or "if" or "else" or "is" or "not" or "in"))
                    ? new Arguments([Suffixed(Atom())], []) : Arguments.None;
            value = new Test(value, name, given);
            value = isNegated ? new Not(value) : value;
        }

        return value;
    }

    private IExpression Suffixed(IExpression value)
    {
        while (true)
        {
            if (TakeOperator("."))
            {
                value = Next.Kind == TokenKind.Integer ? new Item(value, Atom()) : new Member(value, ExpectName());
            }
            else if (TakeOperator("["))
            {
                value = Subscript(value);
            }
            else if (TakeOperator("("))
            {
                value = new Call(value, Given());
            }
            else
            {
                return value;
            }
        }
    }

    private IExpression Subscript(IExpression value)
    {
        var start = IsOperator(":") ? null : Expression();
        if (!TakeOperator(":"))
        {
            ExpectOperator("]");
            return new Item(value, start!);
        }

        var stop = IsOperator(":") || IsOperator("]") ? null : Expression();
        var stride = TakeOperator(":") && !IsOperator("]") ? Expression() : null;
        ExpectOperator("]");
        return new Slice(value, start, stop, stride);
    }

    private Arguments Given()
    {
        var positional = new List<IExpression>();
        var named = new List<(string, IExpression)>();
        while (!TakeOperator(")"))
        {
            if (Next.Kind == TokenKind.Name && tokens[at + 1] is { Kind: TokenKind.Operator, Text: "=" })
            {
                var name = ExpectName();
                at++;
                named.Add((name, Expression()));
            }
            else
            {
                positional.Add(Expression());
            }

            if (!TakeOperator(","))
            {
                ExpectOperator(")");
                break;
            }
        }

        return new Arguments([.. positional], [.. named]);
    }

    private IExpression Atom()
    {
        var token = tokens[at++];
        switch (token.Kind)
        {
            case TokenKind.String:
                var text = token.Text;
                while (Next.Kind == TokenKind.String)
                {
                    text += tokens[at++].Text; // neighbours are one text
                }

                return new Literal(text);
            case TokenKind.Integer:
                return new Literal(long.TryParse(token.Text, NumberStyles.None, CultureInfo.InvariantCulture, out var whole) ? whole : throw Error($"the number {token.Text} is too large"));
            case TokenKind.Float:
                return new Literal(double.Parse(token.Text, CultureInfo.InvariantCulture));
            case TokenKind.Name:
                return token.Text switch
                {
                    "true" or "True" => new Literal(true),
                    "false" or "False" => new Literal(false),
                    "none" or "None" => new Literal(null),
                    _ => new Name(token.Text),
                };
            case TokenKind.Operator when token.Text == "(":
                return Parenthesis();
            case TokenKind.Operator when token.Text == "[":
                return new ListOf(Items("]"));
            case TokenKind.Operator when token.Text == "{":
                return ReadMap();
            default:
                at--;
                throw Error(token.Kind == TokenKind.Operator ? $"'{token.Text}' is not expected" : "an expression is missing");
        }
    }

    private IExpression Parenthesis()
    {
        if (TakeOperator(")"))
        {
            return new ListOf([]);
        }

        var first = Expression();
        if (TakeOperator(")"))
        {
            return first;
        }

        ExpectOperator(",");
        return new ListOf([first, .. Items(")")]);
    }

    private IExpression[] Items(string end)
    {
        var items = new List<IExpression>();
        while (!TakeOperator(end))
        {
            items.Add(Expression());
            if (!TakeOperator(","))
            {
                ExpectOperator(end);
                break;
            }
        }

        return [.. items];
    }

    private MapOf ReadMap()
    {
        var members = new List<(IExpression, IExpression)>();
        while (!TakeOperator("}"))
        {
            var key = Expression();
            ExpectOperator(":");
            members.Add((key, Expression()));
            if (!TakeOperator(","))
            {
                ExpectOperator("}");
                break;
            }
        }

        return new MapOf([.. members]);
    }
}
