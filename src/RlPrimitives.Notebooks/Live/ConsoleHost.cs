using RlPrimitives.Notebooks.Formatting;

namespace RlPrimitives.Notebooks.Live;

/// <summary>Plain text: one line rewritten in place on a terminal; elsewhere (a log, a pipe) a line now and then.</summary>
/// <param name="output">Null for the console as it is at each write.</param>
/// <param name="isTerminal">Whether lines can be rewritten.</param>
/// <param name="width">Columns of the terminal: a line that wraps cannot be rewritten; null to ask the console.</param>
internal sealed class ConsoleHost(TextWriter? output, bool isTerminal, int? width = null) : INotebookHost
{
    public static ConsoleHost Shared { get; } = new(null, !Console.IsOutputRedirected);

    public TimeSpan UpdateInterval => isTerminal ? TimeSpan.FromMilliseconds(200) : TimeSpan.FromSeconds(10);

    public bool IsTerminal => isTerminal;

    private int Columns => width ?? (output is null && Console.WindowWidth > 1 ? Console.WindowWidth : 200);

    private TextWriter Writer => output ?? Console.Out;

    public INotebookOutput Display(IReadOnlyDictionary<string, string> bundle)
    {
        var line = new Line(this);
        line.Update(bundle);
        return line;
    }

    private sealed class Line(ConsoleHost host) : INotebookOutput
    {
        private int shown;
        private bool open;

        public void Update(IReadOnlyDictionary<string, string> bundle)
        {
            var text = bundle[MimeTypes.Plain];
            if (!CanRewrite(text))
            {
                Complete();
                host.Writer.WriteLine(text);
                return;
            }

            text = text.Length < host.Columns ? text : text[..(host.Columns - 1)];
            host.Writer.Write((open ? "\r" : "") + text + new string(' ', Math.Max(0, shown - text.Length)));
            host.Writer.Flush();
            (shown, open) = (text.Length, true);
        }

        public void Complete()
        {
            if (open)
            {
                host.Writer.WriteLine();
                (shown, open) = (0, false);
            }
        }

        private bool CanRewrite(string text) => host.IsTerminal && !text.Contains('\n', StringComparison.Ordinal);
    }
}
