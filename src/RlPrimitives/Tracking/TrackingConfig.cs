using System.Globalization;
using System.Text;

namespace RlPrimitives.Tracking;

/// <summary>Where a run is recorded. JSON lines are always written; the rest is switched on.</summary>
public sealed record TrackingConfig
{
    /// <summary>Each run gets a folder in it.</summary>
    public string Folder
    {
        get;
        init => field = string.IsNullOrWhiteSpace(value) ? throw new ArgumentException("Folder must be a path.", nameof(Folder)) : value;
    } = "runs";

    /// <summary>Name of the run, for people; null for the algorithm's.</summary>
    public string? RunName { get; init; }

    /// <summary>Id of a run to continue: its folder is found again and added to. Null for a new one.</summary>
    public string? RunId { get; init => field = value is null ? null : RunInfo.CheckedId(value); }

    /// <summary>What the run belongs to.</summary>
    public string Project { get; init; } = "rlnotebooks";

    /// <summary>Whether TensorBoard's event files are written.</summary>
    public bool UseTensorBoard { get; init; }

    /// <summary>Whether an offline run of Weights &amp; Biases is written; <c>wandb sync</c> uploads it.</summary>
    public bool UseWandb { get; init; }

    /// <summary>Project of Weights &amp; Biases; null for <see cref="Project"/>.</summary>
    public string? WandbProject { get; init; }

    /// <summary>User or team of Weights &amp; Biases; null for the uploader's default.</summary>
    public string? WandbEntity { get; init; }

    /// <summary>Address of an MLflow tracking server, http or https; null for none. A password in it is used and written nowhere.</summary>
    public Uri? MlflowUri { get; init => field = value is null ? null : MlflowTracker.Checked(value); }

    /// <summary>MLflow's experiment; null for <see cref="Project"/>.</summary>
    public string? MlflowExperiment { get; init; }

    /// <summary>Completions recorded of each batch, the first ones; null for all.</summary>
    public int? CompletionsPerStep
    {
        get;
        init => field = value is null or >= 0 ? value : throw new ArgumentOutOfRangeException(nameof(CompletionsPerStep), value, "CompletionsPerStep must be at least 0, or null for all.");
    }

    /// <summary>Memory and time that trackers may take.</summary>
    public TrackingLimits Limits { get; init; } = new();

    /// <summary>Makers of further trackers: one call for each run.</summary>
    public IReadOnlyList<Func<RunInfo, IRunTracker>> Others { get; init; } = [];

    /// <summary>A run of this configuration that begins now.</summary>
    /// <param name="name">Its name where <see cref="RunName"/> gives none.</param>
    /// <param name="config">Options of the run, as <see cref="ConfigSnapshot.Of"/> makes them.</param>
    public RunInfo NewRun(string name, IReadOnlyDictionary<string, object?>? config = null) => new(RunId ?? RunInfo.NewId(), RunName ?? name, Project, DateTimeOffset.Now)
    {
        Config = config ?? new Dictionary<string, object?>(),
        Versions = new Dictionary<string, string>
        {
            ["RlPrimitives"] = typeof(TrackingConfig).Assembly.GetName().Version?.ToString(3) ?? "", [".NET"] = Environment.Version.ToString(),
            ["OS"] = System.Runtime.InteropServices.RuntimeInformation.OSDescription,
        },
        GitCommit = Tracking.GitCommit.Of(Environment.CurrentDirectory),
    };

    /// <summary>Begins a run in every tracker that is switched on. Never fails for a tracker: what cannot be written is reported.</summary>
    /// <param name="run">What is run; <see cref="NewRun"/> makes one.</param>
    /// <exception cref="ArgumentException"><see cref="Others"/> returned null.</exception>
    public RunTrackers Begin(RunInfo run)
    {
        ArgumentNullException.ThrowIfNull(run);
        var scrubber = Scrubber.FromEnvironment();
        run = scrubber.Clean(run); // its name becomes a folder's
        var folder = FolderOf(run);
        var trackers = new List<IRunTracker> { new JsonLinesTracker(folder) };
        if (UseTensorBoard)
        {
            trackers.Add(new TensorBoardTracker(folder));
        }

        if (UseWandb)
        {
            trackers.Add(new WandbTracker(folder, WandbProject, WandbEntity));
        }

        if (MlflowUri is not null)
        {
            trackers.Add(new MlflowTracker(MlflowUri, MlflowExperiment ?? Project));
        }

        trackers.AddRange(Others.Select(make => make(run) ?? throw new ArgumentException("A maker in TrackingConfig.Others returned no tracker.", nameof(run))));
        return new RunTrackers(run, trackers, Limits, scrubber) { Folder = folder };
    }

    /// <summary>The members; of an address without its password.</summary>
    public override string ToString() =>
        $"TrackingConfig {{ Folder = {Folder}, RunName = {RunName}, RunId = {RunId}, Project = {Project}, UseTensorBoard = {UseTensorBoard}, UseWandb = {UseWandb}, WandbProject = {WandbProject}, "
        + $"WandbEntity = {WandbEntity}, MlflowUri = {(MlflowUri is null ? null : Scrubber.FromEnvironment().Clean(MlflowUri.ToString()))}, MlflowExperiment = {MlflowExperiment}, "
        + string.Create(CultureInfo.InvariantCulture, $"CompletionsPerStep = {CompletionsPerStep}, Others = {Others.Count} }}");

    // DATE-TIME-NAME-ID; a run that is continued has one already.
    private string FolderOf(RunInfo run)
    {
        if (RunId is not null && Directory.Exists(Folder) && Directory.EnumerateDirectories(Folder, $"*-{run.RunId}").Order(StringComparer.Ordinal).FirstOrDefault() is { } earlier)
        {
            return earlier;
        }

        var name = new StringBuilder();
        foreach (var c in run.Name.Take(40))
        {
            name.Append(char.IsAsciiLetterOrDigit(c) ? c : '-');
        }

        return Path.Combine(Folder, string.Create(CultureInfo.InvariantCulture, $"{run.Started.LocalDateTime:yyyyMMdd-HHmmss}-{name}-{run.RunId}"));
    }
}
