using System.Collections.Immutable;
using System.Text;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Scripting;
using Microsoft.CodeAnalysis.CSharp.Syntax;
using Microsoft.CodeAnalysis.Scripting;
using Microsoft.CodeAnalysis.Scripting.Hosting;
using RlNotebooks.Engine.Directives;
using RlNotebooks.Engine.References;

namespace RlNotebooks.Engine;

/// <summary>The chain of compiled cells and the variables they share.</summary>
internal sealed class ScriptChain : IDisposable
{
    private readonly InteractiveAssemblyLoader loader = new();
    private readonly NotebookReferenceResolver resolver;
    private readonly ScriptOptions options;
    // Two first compilations at once give the framework's types two identities: a string is then no string in every later cell.
    private readonly Lock compiling = new();
    private ScriptState<object>? state;

    public ScriptChain(string folder)
    {
        resolver = new NotebookReferenceResolver(folder, loader);
        loader.RegisterDependency(typeof(CellHelpers).Assembly);
        options = ScriptOptions.Default
            .WithReferences(FrameworkReferences.All)
            .WithImports(Usings)
            .WithMetadataResolver(resolver)
            .WithSourceResolver(ScriptSourceResolver.Default.WithBaseDirectory(folder))
            .WithLanguageVersion(LanguageVersion.Latest)
            .WithOptimizationLevel(OptimizationLevel.Release)
            .WithEmitDebugInformation(true)
            .WithFileEncoding(Encoding.UTF8);
    }

    /// <summary>Namespaces that every cell has without saying so.</summary>
    public static ImmutableArray<string> Usings { get; } =
    [
        "System", "System.Text", "System.Collections", "System.Collections.Generic", "System.Threading.Tasks", "System.Linq",
        typeof(CellHelpers).FullName!,
    ];

    /// <summary>Raised for each submission that compiled, before it runs.</summary>
    public event Action<Submission>? Compiled;

    /// <summary>Has the compiler do its first work before anybody waits for it; leaves nothing in the chain.</summary>
    public void WarmUp()
    {
        using var apart = new InteractiveAssemblyLoader();
        lock (compiling)
        {
            CSharpScript.Create<object>("1 + 1", options, globalsType: null, apart).Compile();
        }
    }

    /// <summary>Compiles and runs code on this thread. Returns what it threw; throws when it does not compile.</summary>
    /// <param name="name">What stack frames and diagnostics call it.</param>
    /// <param name="code">C# script.</param>
    /// <param name="packages">Assemblies of packages that it is the first to use.</param>
    /// <param name="cancellation">Interrupts it.</param>
    public (bool HasValue, object? Value, Exception? Error) Run(string name, string code, IReadOnlyList<string> packages, CancellationToken cancellation)
    {
        Script<object> script;
        lock (compiling)
        {
            script = Compile(name, code, packages, cancellation);
        }

        var hasValue = HasValue(script, cancellation);
        Task<ScriptState<object>>? run = null;
        new CellLoop(cancellation).Run(() => run = state is null
            ? script.RunAsync(globals: null, catchException: _ => true, cancellation)
            : script.RunFromAsync(state, catchException: _ => true, cancellation));
        state = run!.GetAwaiter().GetResult();
        return (hasValue, state.ReturnValue, state.Exception);
    }

    public void Dispose()
    {
        state = null;
        Compiled = null;
        loader.Dispose();
    }

    // References and usings are inherited by later cells; saying them again would cost hundreds of megabytes per cell.
    private Script<object> Compile(string name, string code, IReadOnlyList<string> packages, CancellationToken cancellation)
    {
        var root = CellText.Parse(code, cancellation);
        var closure = root.GetReferenceDirectives().SelectMany(r => resolver.WithDependencies(r.File.ValueText)).Concat(packages.Select(resolver.OfPackage)).Distinct();
        var script = state is null
            ? CSharpScript.Create<object>(code, options.WithFilePath(name).AddReferences(closure), globalsType: null, loader)
            : state.Script.ContinueWith<object>(code, options.WithFilePath(name).WithImports().WithReferences(closure));
        var errors = script.Compile(cancellation).Where(d => d.Severity == DiagnosticSeverity.Error).ToArray();
        if (errors.Length > 0)
        {
            throw new CellCompilationException(errors);
        }

        Compiled?.Invoke(new Submission(name, code, script));
        return script;
    }

    private static bool HasValue(Script script, CancellationToken cancellation)
    {
        var compilation = script.GetCompilation();
        var tree = compilation.SyntaxTrees.Last();
        return ((CompilationUnitSyntax)tree.GetRoot(cancellation)).Members.LastOrDefault() is GlobalStatementSyntax
            { Statement: ExpressionStatementSyntax { SemicolonToken.IsMissing: true } last }
            && compilation.GetSemanticModel(tree).GetTypeInfo(last.Expression, cancellation).Type is not { SpecialType: SpecialType.System_Void };
    }
}

/// <summary>Code that became part of the chain.</summary>
/// <param name="Name">What stack frames and diagnostics call it.</param>
/// <param name="Code">C# script.</param>
/// <param name="Script">As it was compiled.</param>
internal sealed record Submission(string Name, string Code, Script Script);

/// <summary>A cell that does not compile.</summary>
internal sealed class CellCompilationException(IReadOnlyList<Diagnostic> errors) : Exception(errors[0].GetMessage())
{
    public IReadOnlyList<Diagnostic> Errors => errors;
}
