using System.Text;

namespace RlPrimitives.Models.ChatTemplates;

/// <summary>Names and output of one rendering, and its limits.</summary>
internal sealed class TemplateContext
{
    private const int MaxSteps = 1_000_000, MaxOutput = 1 << 24, MaxDepth = 100;
    private readonly Stack<Dictionary<string, object?>> scopes = new();
    private int steps;
    private int depth;

    public TemplateContext(TimeProvider time)
    {
        Push();
        foreach (var (name, function) in TemplateGlobals.All(time))
        {
            Set(name, function);
        }

        Push();
    }

    /// <summary>What has been written; a macro writes to an output of its own.</summary>
    public StringBuilder Output { get; private set; } = new();

    public void Push() => scopes.Push(new(StringComparer.Ordinal));

    public void Pop() => scopes.Pop();

    public void Set(string name, object? value) => scopes.Peek()[name] = value;

    public object? Get(string name)
    {
        foreach (var scope in scopes)
        {
            if (scope.TryGetValue(name, out var value))
            {
                return value;
            }
        }

        return new Undefined(name);
    }

    public void Write(string text)
    {
        if (Output.Length + text.Length > MaxOutput)
        {
            throw new ChatTemplateException($"The chat template writes more than {MaxOutput} characters.");
        }

        Output.Append(text);
    }

    /// <summary>Counts what is done: a template must end.</summary>
    public void Step()
    {
        if (++steps > MaxSteps)
        {
            throw new ChatTemplateException($"The chat template takes more than {MaxSteps} steps.");
        }
    }

    /// <summary>What <paramref name="body"/> writes, instead of writing it.</summary>
    public string Capture(Action body)
    {
        var before = Output;
        Output = new StringBuilder();
        try
        {
            Deeper(body);
            return Output.ToString();
        }
        finally
        {
            Output = before;
        }
    }

    /// <summary>Runs a macro's body where only its arguments and the outermost names are seen.</summary>
    public string Call(IReadOnlyDictionary<string, object?> arguments, Action body)
    {
        var inner = new List<Dictionary<string, object?>>();
        while (scopes.Count > 2)
        {
            inner.Add(scopes.Pop());
        }

        Push();
        try
        {
            foreach (var (name, value) in arguments)
            {
                Set(name, value);
            }

            return Capture(body);
        }
        finally
        {
            Pop();
            for (var i = inner.Count - 1; i >= 0; i--)
            {
                scopes.Push(inner[i]);
            }
        }
    }

    private void Deeper(Action body)
    {
        if (++depth > MaxDepth)
        {
            throw new ChatTemplateException($"The chat template calls itself deeper than {MaxDepth}.");
        }

        body();
        depth--;
    }
}
