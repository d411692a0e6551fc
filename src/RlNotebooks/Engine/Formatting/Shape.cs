using System.Collections;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Reflection;

namespace RlNotebooks.Engine.Formatting;

/// <summary>What a value looks like to a reader: a scalar, a table of rows, or a list of properties.</summary>
internal abstract record Shape
{
    /// <summary>The name of a type without one: nothing a reader needs to see.</summary>
    public const string Anonymous = "anonymous";

    public const int MostRows = 20;
    private const int LongestCell = 200;
    private const int LongestText = 20_000;

    private static readonly Dictionary<Type, string> Keywords = new()
    {
        [typeof(int)] = "int", [typeof(long)] = "long", [typeof(short)] = "short", [typeof(byte)] = "byte", [typeof(float)] = "float", [typeof(double)] = "double",
        [typeof(decimal)] = "decimal", [typeof(bool)] = "bool", [typeof(char)] = "char", [typeof(string)] = "string", [typeof(object)] = "object",
        [typeof(uint)] = "uint", [typeof(ulong)] = "ulong", [typeof(ushort)] = "ushort", [typeof(sbyte)] = "sbyte",
    };

    public static Shape Of(object? value) => value switch
    {
        null or string or IFormattable or bool or char or Type or Enum => new Scalar(Shortened(Text(value))),
        Exception e => new Scalar(e.InnerException is { } inner ? $"{e.GetType().Name}: {e.Message}\n---> {inner.GetType().Name}: {inner.Message}" : $"{e.GetType().Name}: {e.Message}"),
        Task task => new Scalar($"{Name(task.GetType())} ({task.Status}); use await for its result"),
        Delegate d => new Scalar(Name(d.GetType())),
        _ when value.GetType().FullName == "Microsoft.Data.Analysis.DataFrame" => DataFrameShape.Of(value),
        _ when value.GetType().FullName == "TorchSharp.torch+Tensor" => TensorShape.Of(value),
        IDictionary map => Rows(["key", "value"], map.Keys.Cast<object?>().Take(MostRows).Select(k => new[] { k, k is null ? null : map[k] }), map.Count),
        IEnumerable items => OfItems(items),
        _ when IsTransparent(value.GetType()) && Members(value.GetType()) is { Length: > 0 } members =>
            new Properties(Name(value.GetType()), [.. members.Select(m => Read(m, value) is var member ? (m.Name, Cell(member), member) : default)]),
        _ => new Scalar(Shortened(Text(value))),
    };

    /// <summary>A value in one short line.</summary>
    public static string Cell(object? value)
    {
        var text = value switch
        {
            string s => s,
            ICollection { Count: > 10 } c => $"{Name(c.GetType())} of {c.Count}",
            IDictionary d => $"{{ {string.Join(", ", d.Keys.Cast<object>().Select(k => $"{Cell(k)}: {Cell(d[k])}"))} }}",
            ICollection c => $"[{string.Join(", ", c.Cast<object?>().Select(Cell))}]",
            IEnumerable or Task or Delegate => Name(value.GetType()),
            not null when value.GetType().FullName == "TorchSharp.torch+Tensor" => TensorShape.Of(value).Text.Split('\n')[0],
            _ => Text(value),
        };
        text = text.ReplaceLineEndings(" ↵ ");
        return text.Length <= LongestCell ? text : $"{text[..LongestCell]}…";
    }

    private static Table OfItems(IEnumerable items)
    {
        var first = items.Cast<object?>().Take(MostRows + 1).ToArray();
        var count = items is ICollection c ? c.Count
            : items.GetType().GetInterfaces().Any(i => i.IsGenericType && i.GetGenericTypeDefinition() == typeof(IReadOnlyCollection<>)) ? Enumerable.Count(items.Cast<object?>())
            : first.Length <= MostRows ? first.Length : (int?)null;
        var shown = first.Take(MostRows).ToArray();
        var types = shown.Select(v => v?.GetType()).Distinct().ToArray();
        if (types is [{ } type] && Of(shown[0]) is Properties)
        {
            var members = Members(type);
            return Rows([.. members.Select(m => m.Name)], shown.Select(v => members.Select(m => Read(m, v!)).ToArray()), count);
        }

        return Rows(["index", "value"], shown.Select((v, i) => new[] { i, v }), count);
    }

    private static Table Rows(string[] columns, IEnumerable<object?[]> rows, long? count) =>
        new(columns, [.. rows.Select(r => r.Select(Cell).ToArray())], count);

    private static string Text(object? value) => value switch
    {
        null => "null",
        bool b => b ? "true" : "false",
        Type type => Name(type),
        IFormattable f => f.ToString(null, CultureInfo.InvariantCulture),
        _ => value.ToString() ?? "",
    };

    private static string Shortened(string text) => text.Length <= LongestText ? text
        : string.Create(CultureInfo.InvariantCulture, $"{text.AsSpan(0, LongestText)}… ({text.Length:N0} characters, the first {LongestText:N0} shown)");

    private static string Name(Type type) =>
        Keywords.TryGetValue(type, out var keyword) ? keyword
        : type.Name.StartsWith("<>f__Anonymous", StringComparison.Ordinal) ? Anonymous
        : Nullable.GetUnderlyingType(type) is { } underlying ? $"{Name(underlying)}?"
        : type.IsArray ? $"{Name(type.GetElementType()!)}[]"
        : type.IsGenericType ? $"{type.Name.Split('`')[0]}<{string.Join(", ", type.GetGenericArguments().Select(Name))}>"
        : type.Name;

    // A type that says itself what it is (its own ToString) is not taken apart: reading every property of a tensor would cost tensors.
    private static bool IsTransparent(Type type) =>
        type.GetMethod("ToString", [])?.DeclaringType is { } declaring
        && (declaring == typeof(object) || declaring == typeof(ValueType) || type.Name.StartsWith("<>f__Anonymous", StringComparison.Ordinal)
            || declaring.GetMethod("PrintMembers", BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.DeclaredOnly) is not null);

    private static MemberInfo[] Members(Type type) =>
    [
        .. type.GetProperties(BindingFlags.Public | BindingFlags.Instance).Where(p => p.CanRead && p.GetIndexParameters().Length == 0 && !p.PropertyType.IsByRefLike),
        .. type.GetFields(BindingFlags.Public | BindingFlags.Instance),
    ];

    [SuppressMessage("Design", "CA1031", Justification = "A getter that throws is shown as that; it must not hide the others.")]
    private static object? Read(MemberInfo member, object instance)
    {
        try
        {
            return member is PropertyInfo p ? p.GetValue(instance, BindingFlags.DoNotWrapExceptions, null, null, null) : ((FieldInfo)member).GetValue(instance);
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            return $"({e.GetType().Name})";
        }
    }
}

/// <summary>Text.</summary>
internal sealed record Scalar(string Text) : Shape;

/// <summary>The first rows of a collection.</summary>
/// <param name="Columns">Headers.</param>
/// <param name="Rows">At most <see cref="Shape.MostRows"/>.</param>
/// <param name="Count">Of all rows; null where that is not known without running through an endless sequence.</param>
internal sealed record Table(string[] Columns, string[][] Rows, long? Count) : Shape
{
    /// <summary>"1,000 rows, the first 20 shown", or null when everything is shown and that is plain to see.</summary>
    public string Caption => Count is not { } count ? $"the first {Rows.Length} rows; there are more"
        : string.Create(CultureInfo.InvariantCulture, $"{count:N0} row{(count == 1 ? "" : "s")}{(count > Rows.Length ? $", the first {Rows.Length} shown" : "")}");
}

/// <summary>Names and values of an object's properties.</summary>
/// <param name="TypeName">Of the object.</param>
/// <param name="Items">Name, the value in one line, and the value itself.</param>
internal sealed record Properties(string TypeName, (string Name, string Text, object? Value)[] Items) : Shape;
