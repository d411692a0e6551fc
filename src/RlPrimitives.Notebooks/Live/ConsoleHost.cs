using RlPrimitives.Notebooks.Formatting;
using Spectre.Console;

namespace RlPrimitives.Notebooks.Live;

/// <summary>Plain text on the console: a line for each state, now and then. A training that is watched in a terminal is drawn there (<see cref="TerminalView"/>).</summary>
/// <param name="output">Null for the console as it is at each write.</param>
internal sealed class ConsoleHost(TextWriter? output) : INotebookHost, INotebookOutput
{
    public static ConsoleHost Shared { get; } = new(null);

    public TimeSpan UpdateInterval => TimeSpan.FromSeconds(10);

    /// <summary>The terminal that the console is; null where output goes to a file, a pipe or a build's log, or nothing can be drawn over.</summary>
    public IAnsiConsole? Terminal()
    {
        if (output is not null || Console.IsOutputRedirected)
        {
            return null;
        }

        var console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(Console.Out) });
        return console.Profile.Capabilities is { Interactive: true, Ansi: true } ? console : null;
    }

    public INotebookOutput Display(IReadOnlyDictionary<string, string> bundle)
    {
        Update(bundle);
        return this;
    }

    public void Update(IReadOnlyDictionary<string, string> bundle) => (output ?? Console.Out).WriteLine(bundle[MimeTypes.Plain]);
}
