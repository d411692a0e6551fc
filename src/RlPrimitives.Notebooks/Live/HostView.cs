namespace RlPrimitives.Notebooks.Live;

/// <summary>A panel in a notebook, lines in a log.</summary>
internal sealed class HostView(INotebookHost host) : ITrainingView
{
    private INotebookOutput? output;

    public TimeSpan UpdateInterval => host.UpdateInterval;

    public void Begin() => output = null;

    public void Show(TrainingPanel panel)
    {
        if (output is null || (panel.IsFinal && !output.CanUpdate))
        {
            // Where what is shown stays as it is, the end is shown beside the beginning.
            output = host.Display(panel.ToBundle());
        }
        else
        {
            output.Update(panel.ToBundle());
        }

        if (panel.IsFinal)
        {
            output.Complete();
        }
    }
}
