using System.Text.RegularExpressions;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp.Scripting;
using Microsoft.CodeAnalysis.Scripting;

namespace RlNotebooks.Tests;

/// <summary>What the texts say is true: snippets compile, papers are listed.</summary>
public partial class DocumentationTests
{
    // What the prose around a snippet has introduced.
    private const string Introduced = """
        InferenceModule inference = null!; IReadOnlyList<Problem> problems = null!; BaseEnvironment env = null!; RolloutManager rollouts = null!;
        IRewardComputer rewards = null!; BackpropModule backprop = null!; GrpoAlgorithm grpo = null!; TrainingHistory history = null!; RolloutBatch batch = null!; string server = null!;
        """;

    private static readonly string[] Usings =
    [
        "System", "System.Collections.Generic", "System.Linq", "System.Threading", "System.Threading.Tasks", "RlPrimitives.Algorithms", "RlPrimitives.Backprop",
        "RlPrimitives.Environments", "RlPrimitives.Inference", "RlPrimitives.Models", "RlPrimitives.Notebooks", "RlPrimitives.Rewards", "RlPrimitives.Rollouts", "RlPrimitives.Tracking",
    ];

    public static IEnumerable<object[]> Snippets =>
        from file in Directory.EnumerateFiles(Repository.Root, "*.md", SearchOption.AllDirectories)
        let relative = Path.GetRelativePath(Repository.Root, file)
        where !relative.Split(Path.DirectorySeparatorChar).Any(p => p is "bin" or "obj" or "out")
        from snippet in Snippet().Matches(File.ReadAllText(file)).Select((m, i) => (Number: i + 1, Code: m.Groups[1].Value))
        select new object[] { relative, snippet.Number, snippet.Code };

    [Theory]
    [MemberData(nameof(Snippets))]
    public void Every_snippet_compiles(string file, int number, string code)
    {
        var references = ((string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!).Split(Path.PathSeparator).Select(p => MetadataReference.CreateFromFile(p));
        var options = ScriptOptions.Default.WithReferences(references).WithImports(Usings);
        var errors = CSharpScript.Create(Introduced, options).ContinueWith(code).Compile().Where(d => d.Severity == DiagnosticSeverity.Error).ToArray();
        Assert.True(errors.Length == 0, $"{file}, snippet {number}: {string.Join("; ", errors.Select(e => e.ToString()))}");
    }

    [Fact]
    public void The_readme_has_snippets_to_compile() => Assert.Contains(Snippets, s => (string)s[0] == "README.md");

    [Fact]
    public void Every_paper_named_in_the_source_is_listed_in_full()
    {
        var listed = File.ReadAllText(Repository.Path("CONTRIBUTING.md"));
        var named = Directory.EnumerateFiles(Repository.Path("src"), "*.cs", SearchOption.AllDirectories)
            .SelectMany(f => Paper().Matches(File.ReadAllText(f)).Select(m => m.Groups[1].Value)).Distinct().ToArray();
        Assert.NotEmpty(named);
        Assert.All(named, id => Assert.Contains($"https://arxiv.org/abs/{id}", listed, StringComparison.Ordinal));
    }

    [GeneratedRegex("```csharp\\r?\\n(.*?)```", RegexOptions.Singleline)]
    private static partial Regex Snippet();

    [GeneratedRegex("arXiv:([0-9]{4}\\.[0-9]{5})")]
    private static partial Regex Paper();
}
