namespace RlPrimitives.Models.ChatTemplates;

/// <summary>Builds statements and expressions from tokens, by recursive descent of limited depth.</summary>
internal sealed partial class TemplateParser(List<TemplateToken> tokens)
{
    private const int MaxDepth = 100;
    private int at;
    private int depth;

    private TemplateToken Next => tokens[at];

    public IStatement[] ReadAll()
    {
        var statements = Statements();
        return Next.Kind == TokenKind.End ? statements.Statements : throw Error($"'{tokens[at + 1].Text}' closes nothing");
    }

    /// <summary>Statements up to a block with one of the names, which is left to be read.</summary>
    private Block Statements(params ReadOnlySpan<string> until)
    {
        var statements = new List<IStatement>();
        Enter();
        while (Next.Kind != TokenKind.End)
        {
            if (Next.Kind == TokenKind.Text)
            {
                statements.Add(new TextOf(tokens[at++].Text));
            }
            else if (Next.Kind == TokenKind.OutputBegin)
            {
                at++;
                statements.Add(new OutputOf(Expression()));
                Expect(TokenKind.OutputEnd);
            }
            else if (tokens[at + 1] is { Kind: TokenKind.Name } name && (until.Contains(name.Text) || name.Text.StartsWith("end", StringComparison.Ordinal) || name.Text is "else" or "elif"))
            {
                break;
            }
            else
            {
                at++;
                statements.Add(Statement());
            }
        }

        depth--;
        return new Block([.. statements]);
    }

    private IStatement Statement()
    {
        var name = ExpectName();
        switch (name)
        {
            case "if":
                return ReadIf();
            case "for":
                return ReadFor();
            case "set":
                return ReadSet();
            case "macro":
                return ReadMacro();
            case "generation": // marks what the assistant said; writes nothing of its own
                Expect(TokenKind.BlockEnd);
                var body = Statements("endgeneration");
                Close("endgeneration");
                return body;
            case "break" or "continue":
                Expect(TokenKind.BlockEnd);
                return new Jump(name == "break");
            default:
                throw Error($"'{{% {name} %}}' is not supported");
        }
    }

    private If ReadIf()
    {
        var branches = new List<(IExpression, Block)>();
        Block? otherwise = null;
        do
        {
            var condition = Expression();
            Expect(TokenKind.BlockEnd);
            branches.Add((condition, Statements("elif", "else", "endif")));
        }
        while (TryOpen("elif"));
        if (TryOpen("else"))
        {
            Expect(TokenKind.BlockEnd);
            otherwise = Statements("endif");
        }

        Close("endif");
        return new If([.. branches], otherwise);
    }

    private For ReadFor()
    {
        var names = Targets();
        ExpectKeyword("in");
        var over = Either(); // no conditional: "if" filters the loop
        var condition = TakeName("if") ? Expression() : null;
        if (TakeName("recursive"))
        {
            throw Error("a recursive loop is not supported");
        }

        Expect(TokenKind.BlockEnd);
        var body = Statements("else", "endfor");
        Block? otherwise = null;
        if (TryOpen("else"))
        {
            Expect(TokenKind.BlockEnd);
            otherwise = Statements("endfor");
        }

        Close("endfor");
        return new For(names, over, condition, body, otherwise);
    }

    private IStatement ReadSet()
    {
        var names = Targets();
        if (names.Length == 1 && TakeOperator("."))
        {
            var member = ExpectName();
            ExpectOperator("=");
            var to = TupleOrExpression();
            Expect(TokenKind.BlockEnd);
            return new SetMember(names[0], member, to);
        }

        if (TakeOperator("="))
        {
            var to = TupleOrExpression();
            Expect(TokenKind.BlockEnd);
            return new SetNames(names, to);
        }

        Expect(TokenKind.BlockEnd);
        var body = Statements("endset");
        Close("endset");
        return new SetBlock(names[0], body);
    }

    private Macro ReadMacro()
    {
        var name = ExpectName();
        ExpectOperator("(");
        var parameters = new List<(string, IExpression?)>();
        while (!TakeOperator(")"))
        {
            var parameter = ExpectName();
            parameters.Add((parameter, TakeOperator("=") ? Expression() : null));
            if (!TakeOperator(","))
            {
                ExpectOperator(")");
                break;
            }
        }

        Expect(TokenKind.BlockEnd);
        var body = Statements("endmacro");
        Close("endmacro");
        return new Macro(name, [.. parameters], body);
    }

    private string[] Targets()
    {
        var isWrapped = TakeOperator("(");
        var names = new List<string> { ExpectName() };
        while (TakeOperator(","))
        {
            names.Add(ExpectName());
        }

        if (isWrapped)
        {
            ExpectOperator(")");
        }

        return [.. names];
    }

    private bool TryOpen(string name)
    {
        if (Next.Kind != TokenKind.BlockBegin || tokens[at + 1] is not { Kind: TokenKind.Name } token || token.Text != name)
        {
            return false;
        }

        at += 2;
        return true;
    }

    private void Close(string name)
    {
        if (!TryOpen(name))
        {
            throw Error($"'{{% {name} %}}' is missing");
        }

        Expect(TokenKind.BlockEnd);
    }

    private void Enter()
    {
        if (++depth > MaxDepth)
        {
            throw Error($"it is nested deeper than {MaxDepth}");
        }
    }

    private bool IsName(string text) => Next.Kind == TokenKind.Name && Next.Text == text;

    private bool IsOperator(string text) => Next.Kind == TokenKind.Operator && Next.Text == text;

    private bool TakeName(string text)
    {
        var isThere = IsName(text);
        at += isThere ? 1 : 0;
        return isThere;
    }

    private bool TakeOperator(string text)
    {
        var isThere = IsOperator(text);
        at += isThere ? 1 : 0;
        return isThere;
    }

    private void Expect(TokenKind kind)
    {
        if (Next.Kind != kind)
        {
            throw Error(Next.Text.Length > 0 ? $"'{Next.Text}' is not expected" : "an end mark is missing or misplaced");
        }

        at++;
    }

    private string ExpectName()
    {
        var text = Next.Text;
        Expect(TokenKind.Name);
        return text;
    }

    private void ExpectKeyword(string text)
    {
        if (!TakeName(text))
        {
            throw Error($"'{text}' is missing");
        }
    }

    private void ExpectOperator(string text)
    {
        if (!TakeOperator(text))
        {
            throw Error(Next.Text.Length > 0 ? $"'{text}' is missing before '{Next.Text}'" : $"'{text}' is missing");
        }
    }

    private ChatTemplateException Error(string what) => new(FormattableString.Invariant($"The chat template cannot be read: line {Next.Line}: {what}."));
}
