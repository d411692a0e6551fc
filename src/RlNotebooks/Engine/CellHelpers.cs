using System.Diagnostics.CodeAnalysis;

namespace RlNotebooks.Engine;

/// <summary>The functions every cell can call without a using; same names and meaning as in .NET Interactive.</summary>
[SuppressMessage("Naming", "CA1708", Justification = "display and Display are the two names notebooks know.")]
public static class CellHelpers
{
    /// <summary>Shows a value now, before the cell ends.</summary>
    public static DisplayedValue display(object? value, string? mimeType = null) => Show(value, mimeType);

    /// <summary>Shows a value now, before the cell ends.</summary>
    public static DisplayedValue Display<T>(this T value, string? mimeType = null) => Show(value, mimeType);

    /// <summary>Shows text as content of a MIME type.</summary>
    public static DisplayedValue DisplayAs(this string content, string mimeType) => Show(new MimeContent(mimeType, content), null);

    /// <summary>Text that is shown as HTML, as it is.</summary>
    public static HtmlContent HTML(string content) => new(content);

    /// <summary>Removes what the cell showed so far.</summary>
    /// <param name="wait">Only when something new comes: no flicker.</param>
    public static void ClearOutput(bool wait = false) => Cell("ClearOutput()").ClearOutput(wait);

    /// <summary>Asks the person at the notebook, as <c>Kernel</c> of .NET Interactive does.</summary>
    [SuppressMessage("Design", "CA1034", Justification = "Cells write Kernel.GetInputAsync without a using.")]
    public static class Kernel
    {
        /// <summary>A line of text.</summary>
        public static Task<string> GetInputAsync(string prompt = "") => Task.FromResult(Cell("GetInputAsync").Ask(prompt, isSecret: false));

        /// <summary>A line of text that is not shown while it is typed.</summary>
        public static Task<string> GetPasswordAsync(string prompt = "") => Task.FromResult(Cell("GetPasswordAsync").Ask(prompt, isSecret: true));
    }

    private static CellContext Cell(string name) => CellContext.Current ?? throw new InvalidOperationException($"{name} works only while a cell runs.");

    private static DisplayedValue Show(object? value, string? mimeType)
    {
        var cell = Cell("display(…)");
        return new DisplayedValue(cell.Display(cell.Session.Format(value, mimeType)), mimeType ?? (value as MimeContent)?.MimeType);
    }
}

/// <summary>HTML to be shown as it is.</summary>
/// <param name="Content">The markup.</param>
public sealed record HtmlContent(string Content)
{
    /// <inheritdoc/>
    public override string ToString() => Content;
}

/// <summary>Content of a given MIME type.</summary>
internal sealed record MimeContent(string MimeType, string Content);

/// <summary>A shown value that can be replaced.</summary>
public sealed class DisplayedValue
{
    private readonly DisplayHandle handle;
    private readonly string? mimeType;

    internal DisplayedValue(DisplayHandle handle, string? mimeType) => (this.handle, this.mimeType) = (handle, mimeType);

    /// <summary>Replaces what is shown. Text replaces text that was shown with a MIME type as that type.</summary>
    public void Update(object? value) => handle.Update(handle.Session.Format(
        value is string text && mimeType is not null ? new MimeContent(mimeType, text) : value, null));
}
