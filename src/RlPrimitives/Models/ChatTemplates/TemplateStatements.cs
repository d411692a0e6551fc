namespace RlPrimitives.Models.ChatTemplates;

/// <summary>A part of a template that writes or names something.</summary>
internal interface IStatement
{
    void Run(TemplateContext context);
}

internal sealed record TextOf(string Text) : IStatement
{
    public void Run(TemplateContext context) => context.Write(Text);
}

internal sealed record OutputOf(IExpression Of) : IStatement
{
    public void Run(TemplateContext context) => context.Write(TemplateValue.ToText(Of.Value(context)));
}

/// <summary>Statements one after another.</summary>
internal sealed record Block(IStatement[] Statements) : IStatement
{
    public void Run(TemplateContext context)
    {
        foreach (var statement in Statements)
        {
            context.Step();
            statement.Run(context);
        }
    }
}

internal sealed record If((IExpression Condition, Block Body)[] Branches, Block? Else) : IStatement
{
    public void Run(TemplateContext context)
    {
        foreach (var (condition, body) in Branches)
        {
            if (TemplateValue.IsTrue(condition.Value(context)))
            {
                body.Run(context);
                return;
            }
        }

        Else?.Run(context);
    }
}

internal sealed record SetNames(string[] Names, IExpression To) : IStatement
{
    public void Run(TemplateContext context) => Assign(context, Names, To.Value(context));

    public static void Assign(TemplateContext context, string[] names, object? value)
    {
        if (names.Length == 1)
        {
            context.Set(names[0], value);
            return;
        }

        var items = TemplateValue.Items(value).ToList();
        if (items.Count != names.Length)
        {
            throw new ChatTemplateException($"The chat template unpacks {items.Count} values into {names.Length} names ({string.Join(", ", names)}).");
        }

        for (var i = 0; i < names.Length; i++)
        {
            context.Set(names[i], items[i]);
        }
    }
}

internal sealed record SetBlock(string Text, Block Body) : IStatement
{
    public void Run(TemplateContext context) => context.Set(Text, context.Capture(() => Body.Run(context)));
}

internal sealed record SetMember(string Namespace, string Text, IExpression To) : IStatement
{
    public void Run(TemplateContext context)
    {
        if (context.Get(Namespace) is not TemplateMap { IsNamespace: true } map)
        {
            throw new ChatTemplateException($"The chat template sets '{Namespace}.{Text}', but '{Namespace}' is no namespace.");
        }

        map[Text] = To.Value(context);
    }
}

internal sealed record Macro(string Text, (string Name, IExpression? Default)[] Parameters, Block Body) : IStatement
{
    public void Run(TemplateContext context) => context.Set(Text, (TemplateFunction)((given, named) =>
    {
        if (given.Length > Parameters.Length || named.Keys.Any(n => !Array.Exists(Parameters, p => p.Name == n)))
        {
            throw new ChatTemplateException($"The chat template calls its macro '{Text}' with arguments that it does not take.");
        }

        var values = new Dictionary<string, object?>(StringComparer.Ordinal);
        for (var i = 0; i < Parameters.Length; i++)
        {
            var (name, otherwise) = Parameters[i];
            values[name] = i < given.Length ? given[i] : named.TryGetValue(name, out var value) ? value : otherwise is null ? new Undefined(name) : otherwise.Value(context);
        }

        return context.Call(values, () => Body.Run(context));
    }));
}

/// <summary>break or continue, on its way to the loop.</summary>
internal sealed class LoopJump(bool isBreak) : Exception
{
    public bool IsBreak { get; } = isBreak;
}

internal sealed record Jump(bool IsBreak) : IStatement
{
    public void Run(TemplateContext context) => throw new LoopJump(IsBreak);
}

internal sealed record For(string[] Names, IExpression Over, IExpression? Condition, Block Body, Block? Else) : IStatement
{
    public void Run(TemplateContext context)
    {
        var items = TemplateValue.Items(Over.Value(context)).Where(i => Condition is null || Passes(context, i)).ToList();
        for (var i = 0; i < items.Count; i++)
        {
            context.Step();
            context.Push();
            try
            {
                SetNames.Assign(context, Names, items[i]);
                context.Set("loop", Loop(items, i));
                Body.Run(context);
            }
            catch (LoopJump jump)
            {
                if (jump.IsBreak)
                {
                    break;
                }
            }
            finally
            {
                context.Pop();
            }
        }

        if (items.Count == 0)
        {
            Else?.Run(context);
        }
    }

    private static TemplateMap Loop(List<object?> items, int i) => new()
    {
        ["index"] = i + 1L,
        ["index0"] = (long)i,
        ["revindex"] = (long)(items.Count - i),
        ["revindex0"] = (long)(items.Count - i - 1),
        ["first"] = i == 0,
        ["last"] = i == items.Count - 1,
        ["length"] = (long)items.Count,
        ["previtem"] = i > 0 ? items[i - 1] : new Undefined("loop.previtem"),
        ["nextitem"] = i + 1 < items.Count ? items[i + 1] : new Undefined("loop.nextitem"),
        ["cycle"] = (TemplateFunction)((given, _) => given.Length == 0 ? null : given[i % given.Length]),
    };

    private bool Passes(TemplateContext context, object? item)
    {
        context.Push();
        SetNames.Assign(context, Names, item);
        var passes = TemplateValue.IsTrue(Condition!.Value(context));
        context.Pop();
        return passes;
    }
}
