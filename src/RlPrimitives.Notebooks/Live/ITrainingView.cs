namespace RlPrimitives.Notebooks.Live;

/// <summary>Where the state of a run is shown.</summary>
internal interface ITrainingView
{
    /// <summary>How often what is shown should be replaced.</summary>
    TimeSpan UpdateInterval { get; }

    /// <summary>Another run begins: it gets a place of its own.</summary>
    void Begin();

    /// <summary>Shows a state; the final one ends the place.</summary>
    void Show(TrainingPanel panel);

    /// <summary>A terminal draws for itself; everything else shows what it is given.</summary>
    static ITrainingView Of(INotebookHost host) => (host as ConsoleHost)?.Terminal() is { } terminal ? new TerminalView(terminal) : new HostView(host);
}
