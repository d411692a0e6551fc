namespace RlPrimitives.Notebooks.Formatting;

/// <summary>
/// Tells a notebook engine how a type is shown. .NET Interactive and this project's kernel find it by its name alone, so it needs no package;
/// the members below are the convention's.
/// </summary>
/// <param name="formatterSourceType">Has a parameterless constructor and a public <c>CreateTypeFormatters()</c>.</param>
[AttributeUsage(AttributeTargets.Class)]
internal sealed class TypeFormatterSourceAttribute(Type formatterSourceType) : Attribute
{
    public Type FormatterSourceType { get; } = formatterSourceType;

    /// <summary>All of these are emitted, as one bundle.</summary>
    public string[] PreferredMimeTypes { get; set; } = [];
}
