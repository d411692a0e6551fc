namespace RlPrimitives.Models.ChatTemplates;

/// <summary>A part of a template that has a value.</summary>
internal interface IExpression
{
    object? Value(TemplateContext context);
}

internal sealed record Literal(object? Constant) : IExpression
{
    public object? Value(TemplateContext context) => Constant;
}

internal sealed record Name(string Text) : IExpression
{
    public object? Value(TemplateContext context)
    {
        context.Step();
        return context.Get(Text);
    }
}

internal sealed record ListOf(IExpression[] Items) : IExpression
{
    public object? Value(TemplateContext context) => Items.Select(i => i.Value(context)).ToList();
}

internal sealed record MapOf((IExpression Key, IExpression Value)[] Members) : IExpression
{
    public object? Value(TemplateContext context)
    {
        var map = new TemplateMap();
        foreach (var (key, value) in Members)
        {
            map[TemplateValue.ToText(key.Value(context))] = value.Value(context);
        }

        return map;
    }
}

internal sealed record Conditional(IExpression Then, IExpression Condition, IExpression? Else) : IExpression
{
    public object? Value(TemplateContext context) =>
        TemplateValue.IsTrue(Condition.Value(context)) ? Then.Value(context) : Else is null ? new Undefined("the expression without else") : Else.Value(context);
}

internal sealed record Not(IExpression Operand) : IExpression
{
    public object? Value(TemplateContext context) => !TemplateValue.IsTrue(Operand.Value(context));
}

internal sealed record Both(IExpression Left, IExpression Right) : IExpression
{
    public object? Value(TemplateContext context) => Left.Value(context) is var left && TemplateValue.IsTrue(left) ? Right.Value(context) : left;
}

internal sealed record Either(IExpression Left, IExpression Right) : IExpression
{
    public object? Value(TemplateContext context) => Left.Value(context) is var left && TemplateValue.IsTrue(left) ? left : Right.Value(context);
}

internal sealed record Negative(IExpression Operand) : IExpression
{
    public object? Value(TemplateContext context) => Operand.Value(context) switch { double d => (object)-d, var value => -TemplateValue.AsInteger(value) };
}

internal sealed record Operation(string Operator, IExpression Left, IExpression Right) : IExpression
{
    public object? Value(TemplateContext context)
    {
        context.Step();
        return TemplateOperators.Apply(Operator, Left.Value(context), Right.Value(context));
    }
}

/// <summary>a &lt; b &lt; c, as in Python: each with its neighbour.</summary>
internal sealed record Comparison(IExpression First, (string Operator, IExpression Operand)[] Rest) : IExpression
{
    public object? Value(TemplateContext context)
    {
        var left = First.Value(context);
        foreach (var (op, operand) in Rest)
        {
            var right = operand.Value(context);
            if (!TemplateOperators.Holds(op, left, right))
            {
                return false;
            }

            left = right;
        }

        return true;
    }
}

internal sealed record Member(IExpression Of, string Text) : IExpression
{
    public object? Value(TemplateContext context)
    {
        var value = Of.Value(context);
        return value is Undefined undefined ? throw new ChatTemplateException($"The chat template asks for '{Text}' of '{undefined.Name}', which is undefined.")
            : TemplateMethods.Find(value, Text) is { } method ? method
            : value is TemplateMap map && map.TryGetValue(Text, out var found) ? found
            : new Undefined(Text);
    }
}

internal sealed record Item(IExpression Of, IExpression Key) : IExpression
{
    public object? Value(TemplateContext context)
    {
        var (value, key) = (Of.Value(context), Key.Value(context));
        return value switch
        {
            Undefined undefined => throw new ChatTemplateException($"The chat template asks for an item of '{undefined.Name}', which is undefined."),
            TemplateMap map when key is string name => map.TryGetValue(name, out var found) ? found : TemplateMethods.Find(value, name) ?? (object)new Undefined(name),
            List<object?> list when key is long or bool => At(list.Count, TemplateValue.AsInteger(key)) is { } i ? list[i] : new Undefined($"item {key}"),
            string text when key is long or bool => TextAt([.. TemplateValue.Items(text)], TemplateValue.AsInteger(key)),
            _ => new Undefined(TemplateValue.ToText(key)),
        };
    }

    private static int? At(int count, long index) => (index < 0 ? index + count : index) is var i && i >= 0 && i < count ? (int)i : null;

    private static object? TextAt(List<object?> characters, long index) => At(characters.Count, index) is { } i ? characters[i] : new Undefined($"item {index}");
}

internal sealed record Slice(IExpression Of, IExpression? Start, IExpression? Stop, IExpression? Stride) : IExpression
{
    public object? Value(TemplateContext context)
    {
        var value = Of.Value(context);
        var items = value is TemplateMap ? throw new ChatTemplateException("The chat template slices a mapping.") : TemplateValue.Items(value).ToList();
        var step = Stride?.Value(context) is { } s ? TemplateValue.AsInteger(s) : 1;
        if (step == 0)
        {
            throw new ChatTemplateException("The chat template slices with a step of 0.");
        }

        var (low, high) = step > 0 ? (0L, (long)items.Count) : (-1L, items.Count - 1L);
        var from = Bound(Start, step > 0 ? low : high);
        var to = Bound(Stop, step > 0 ? high : low);
        var result = new List<object?>();
        for (var i = from; step > 0 ? i < to : i > to; i += step)
        {
            result.Add(items[(int)i]);
        }

        return value is string ? string.Concat(result) : result;

        long Bound(IExpression? at, long otherwise)
        {
            if (at?.Value(context) is not { } given)
            {
                return otherwise;
            }

            var index = TemplateValue.AsInteger(given);
            return Math.Clamp(index < 0 ? index + items.Count : index, low, high);
        }
    }
}

/// <summary>Arguments of a call, filter or test.</summary>
internal sealed record Arguments(IExpression[] Positional, (string Name, IExpression Value)[] Named)
{
    public static Arguments None { get; } = new([], []);

    public object?[] Values(TemplateContext context) => Array.ConvertAll(Positional, p => p.Value(context));

    public Dictionary<string, object?> NamedValues(TemplateContext context) => Named.ToDictionary(n => n.Name, n => n.Value.Value(context), StringComparer.Ordinal);
}

internal sealed record Call(IExpression Of, Arguments Given) : IExpression
{
    public object? Value(TemplateContext context)
    {
        context.Step();
        return Of.Value(context) switch
        {
            TemplateFunction function => function(Given.Values(context), Given.NamedValues(context)),
            var value => throw new ChatTemplateException($"The chat template calls {TemplateValue.KindOf(value)}."),
        };
    }
}

internal sealed record Filter(IExpression Of, string Text, Arguments Given) : IExpression
{
    public object? Value(TemplateContext context)
    {
        context.Step();
        return TemplateFilters.Apply(Text, Of.Value(context), Given.Values(context), Given.NamedValues(context));
    }
}

internal sealed record Test(IExpression Of, string Text, Arguments Given) : IExpression
{
    public object? Value(TemplateContext context)
    {
        context.Step();
        return TemplateTests.Holds(Text, Of.Value(context), Given.Values(context));
    }
}
