namespace RlPrimitives.Notebooks.Formatting;

/// <summary>Writes a value of one type as one MIME type; the members are those of the formatter convention.</summary>
/// <param name="mimeType">What is written.</param>
/// <param name="render">The text for a value.</param>
internal sealed class TypeFormatter<T>(string mimeType, Func<T, string> render)
{
    public string MimeType { get; } = mimeType;

    public Type Type { get; } = typeof(T);

    /// <returns>False for a value of another type: the engine then tries its next formatter.</returns>
    public bool Format(object value, TextWriter writer)
    {
        if (value is not T typed)
        {
            return false;
        }

        writer.Write(render(typed));
        return true;
    }
}
