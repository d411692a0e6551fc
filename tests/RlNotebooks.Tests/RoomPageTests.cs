using System.Text.RegularExpressions;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp.Scripting;
using Microsoft.CodeAnalysis.Scripting;
using RlNotebooks.Serving;

namespace RlNotebooks.Tests;

/// <summary>The snippets of a room's page do not only compile: they run, one after another as cells do, on the shipped model.</summary>
[Collection(ProcessStateCollection.Name)]
public partial class RoomPageTests
{
    // What the prose around a snippet has introduced.
    private const string Introduced = """
        var server = "{server}";
        var inference = await InferenceModule.FromPretrainedAsync(@"{model}");
        IReadOnlyList<Problem> problems = Arithmetic.Additions(10, 20, seed: 1);
        BaseEnvironment env = new SimpleTextEnvironment(inference, problems, sampling: new SamplingOptions { MaxNewTokens = 8 });
        var rollouts = new RolloutManager(env, new RolloutConfig { GroupSize = 4, Seed = 1 });
        IRewardComputer rewards = new RewardComputer((new ExactMatch(), 1));
        var backprop = new BackpropModule(inference.Model, new BackpropConfig { LearningRate = 1e-4 });
        """;

    private static readonly string[] Usings =
    [
        "System", "System.Collections.Generic", "System.Linq", "System.Threading", "System.Threading.Tasks", "RlPrimitives.Algorithms", "RlPrimitives.Backprop",
        "RlPrimitives.Environments", "RlPrimitives.Inference", "RlPrimitives.Models", "RlPrimitives.Notebooks", "RlPrimitives.Rewards", "RlPrimitives.Rollouts",
        "RlPrimitives.Tracking",
    ];

    /// <summary>Every room that has a page.</summary>
    public static IEnumerable<object[]> Rooms => Pages.Select(room => new object[] { room });

    private static string[] Pages { get; } =
        [.. Directory.EnumerateFiles(Repository.Path("src", "RlPrimitives"), "README.md", SearchOption.AllDirectories).Select(f => Path.GetFileName(Path.GetDirectoryName(f)!)).Order(StringComparer.Ordinal)];

    [Fact]
    public void The_rooms_that_people_enter_have_pages() =>
        Assert.Empty(((string[])["Inference", "Environments", "Rollouts", "Rewards", "Backprop", "Algorithms", "Tracking"]).Except(Pages));

    [Theory]
    [MemberData(nameof(Rooms))]
    public async Task Every_snippet_of_a_room_runs(string room)
    {
        var references = ((string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!).Split(Path.PathSeparator).Select(p => MetadataReference.CreateFromFile(p));
        var options = ScriptOptions.Default.WithReferences(references).WithImports(Usings);
        var snippets = Snippet().Matches(File.ReadAllText(Repository.Path("src", "RlPrimitives", room, "README.md"))).Select(m => m.Groups[1].Value).ToArray();
        Assert.NotEmpty(snippets);
        var model = Repository.Path("data", "models", "tiny-calc");
        await using var server = snippets.Any(s => s.Contains("[server]", StringComparison.Ordinal)) ? await GenerationServer.StartAsync(new ServerOptions(model) { Port = 0, AllowWeightUpdates = true }) : null;
        var before = Environment.CurrentDirectory;
        var folder = Directory.CreateTempSubdirectory("rlnotebooks-page-");
        try
        {
            Environment.CurrentDirectory = folder.FullName;
            var state = await CSharpScript.RunAsync(Introduced.Replace("{model}", model, StringComparison.Ordinal).Replace("{server}", $"{server?.Address}", StringComparison.Ordinal), options);
            foreach (var code in snippets)
            {
                state = await state.ContinueWithAsync(code, options); // what a snippet throws fails the test
            }

            foreach (var owner in (ReadOnlySpan<string>)["backprop", "inference"])
            {
                ((IDisposable)state.Variables.First(v => v.Name == owner).Value).Dispose();
            }
        }
        finally
        {
            Environment.CurrentDirectory = before;
            folder.Delete(recursive: true);
        }
    }

    [GeneratedRegex("```csharp\\r?\\n(.*?)```", RegexOptions.Singleline)]
    private static partial Regex Snippet();
}
